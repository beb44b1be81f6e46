import Foundation
import HeapGraph
import ProcessImage
import Symbols
import TestSupport

/// What the library says about a running process: freeze, walk, type, mark, all in this process, so that single blocks can be asked for.
struct Judgement {
  let analysis: HeapAnalysis
  let unreachable: Set<Int>

  init(pid: Int32) throws {
    let (image, copy) = try ProcessImage.frozen(pid: pid)
    defer { _ = copy.release() }
    analysis = try HeapInspection.run(image, symbols: ImageSymbols(image))
    if let reason = analysis.leaksNotJudged { throw TestFailure("leaks were not judged: \(reason)") }
    unreachable = Set(analysis.unreachable.map { Int($0) })
  }

  func score(_ truth: TruthTable) -> Score {
    let blocks = analysis.heap.blocks
    return Score(
      truth,
      block: {
        let index = blocks.index(containing: $0)
        return index >= 0 ? index : nil
      }, unreachable: unreachable, type: name)
  }

  func name(_ block: Int) -> String {
    let type = analysis.heap.type(block)
    return type.name.isEmpty ? "unknown, \(analysis.heap.blocks.size(block)) bytes" : type.name
  }

  /// Self-checks of the heap walk that do not agree.
  var failedChecks: [String] {
    analysis.heap.walk.checks.filter { !$0.passed }.map { "\($0.name): \($0.found) instead of \($0.expected)" }
  }

  func describeUnreachable() -> String {
    var counts: [String: Int] = [:]
    for block in unreachable { counts[name(block), default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }.joined(separator: ", ")
  }
}
