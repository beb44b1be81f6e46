import Foundation
import ProcessImage
import SwiftMetadata
import Symbols
import TestSupport

@testable import HeapGraph

/// What the library says about a running process: freeze, walk, type, mark, all in this process, so that single blocks can be asked for.
final class Judgement {
  let analysis: HeapAnalysis
  let unreachable: Set<Int>
  /// For the next judgement of the same process: reading its modules' symbols takes longest.
  let symbols: ImageSymbols
  private let image: ProcessImage
  private let release: () -> Void

  init(pid: Int32, symbols: ImageSymbols? = nil) throws {
    let (image, copy) = try ProcessImage.frozen(pid: pid)
    self.image = image
    release = { _ = copy.release() }
    let names = symbols ?? ImageSymbols(image)
    self.symbols = names
    do {
      analysis = try HeapInspection.run(image, symbols: names)
      if let reason = analysis.leaksNotJudged { throw TestFailure("leaks were not judged: \(reason)") }
    } catch {
      _ = copy.release()
      throw error
    }
    unreachable = Set(analysis.unreachable.map { Int($0) })
  }

  deinit { release() }

  func score(_ truth: TruthTable) -> Score {
    Score(truth, block: block, unreachable: unreachable, type: name)
  }

  func block(at address: UInt64) -> Int? {
    let index = analysis.heap.blocks.index(containing: address)
    return index >= 0 ? index : nil
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

  /// For a failure's message: the shortest ways from roots to blocks that should have been unreachable, one a root.
  func holders(of blocks: Set<Int>) throws -> String {
    let context = HeapInspection.Details(image: image, symbols: symbols)
    let heap = analysis.heap
    let resolver = ReferenceResolver(heap: heap)
    var finder = RootFinder(
      image: image, heap: heap, resolver: resolver, idle: context.analysis.idleWorkers)
    try finder.find()
    var scanner = BlockScanner(
      heap: heap, resolver: resolver, plans: ScanPlans(heap.types), memory: image.memory,
      taskWords: context.analysis.taskWords)
    var parent: [Int: (block: Int, offset: UInt64)] = [:]
    var rootOf: [Int: Root] = [:]
    var queue: [Int] = []
    for root in finder.roots where rootOf[Int(root.block)] == nil {
      rootOf[Int(root.block)] = root
      queue.append(Int(root.block))
    }
    var seen = Set(queue)
    var position = 0
    while position < queue.count {
      var found = Targets()
      try scanner.scan(queue[position], into: &found)
      for (offset, target) in found.targets where seen.insert(target).inserted {
        parent[target] = (queue[position], offset)
        queue.append(target)
      }
      position += 1
    }
    var lines: [String: Int] = [:]
    for block in blocks.sorted() where seen.contains(block) {
      var steps: [String] = []
      var current = block
      while let step = parent[current], steps.count < 12 {
        steps.append("\(name(step.block)) +\(step.offset) ->")
        current = step.block
      }
      while let step = parent[current] { current = step.block }
      guard let root = rootOf[current] else { continue }
      // The far end is the program's own structure; the last steps are those to doubt.
      let near = steps.prefix(4).reversed().joined(separator: " ")
      let far = steps.count > 4 ? "\(steps.suffix(1).joined()) … " : ""
      lines["\(describe(root)) -> \(far)\(near) \(name(block))", default: 0] += 1
    }
    return lines.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(12).map { "\($0.value) x \($0.key)" }
      .joined(separator: "\n")
  }

  private func describe(_ root: Root) -> String {
    switch root.kind {
    case .register, .vector:
      let thread = image.threads.first { UInt64(UInt32(bitPattern: $0.tid)) == root.address }
      let function = thread.flatMap { symbols.symbol(at: $0.instructionPointer) }?.mangledName ?? "?"
      return "register of \(root.address) in \(function)"
    case .stack:
      let thread = image.threads.filter { $0.stackPointer <= root.address + 128 }.max {
        $0.stackPointer < $1.stackPointer
      }
      guard let thread else { return "stack 0x\(String(root.address, radix: 16))" }
      var callers: [String] = []
      var address = root.address & ~7
      while callers.count < 6, address < root.address + 4096 {
        if let word = try? image.memory.load(UInt64.self, at: address), symbols.module(containing: word) != nil {
          callers.append(symbols.symbol(at: word)?.mangledName ?? symbols.module(containing: word)?.name ?? "?")
        }
        address += 8
      }
      return "stack of \(thread.tid) at sp+\(Int64(bitPattern: root.address &- thread.stackPointer))"
        + ", fs-\(Int64(bitPattern: thread.threadPointer &- root.address)), below \(callers)"
    case .global: return "global \(symbols.symbol(at: root.address)?.mangledName ?? String(root.address, radix: 16))"
    case .anonymous, .cachedThread, .threadLocal, .kernel: return "\(root.kind) 0x\(String(root.address, radix: 16))"
    }
  }

  private struct Targets: ReferenceSink {
    var targets: [(UInt64, Int)] = []
    mutating func reference(from block: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      if strength != .weak && strength != .unowned { targets.append((offset, target)) }
    }
  }
}
