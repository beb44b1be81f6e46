import Foundation
import TestSupport

/// What a test program (`leakzoo`, `cleak`) wrote about its own blocks; the format is described there.
struct TruthTable {
  enum Verdict: UInt8 {
    case leaked = 1
    case healthy = 2
    /// A lost task: the runtime's own blocks of it are leaked with it, but the program cannot know their addresses.
    case leakedTask = 3

    var isLeak: Bool { self != .healthy }
  }

  struct Record {
    var address: UInt64
    var verdict: Verdict
    var kind: String
  }

  private static let mask: UInt64 = 0xA5A5_5A5A_C3C3_3C3C
  private static let recordSize = 64
  var records: [Record] = []

  init(path: String) throws {
    guard let bytes = FileManager.default.contents(atPath: path) else { throw TestFailure("no truth in \(path)") }
    var seen: [UInt64: Verdict] = [:]
    bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
      for start in stride(from: 0, to: buffer.count - Self.recordSize + 1, by: Self.recordSize) {
        guard let verdict = Verdict(rawValue: buffer[start + 8]) else { break }
        let address = buffer.loadUnaligned(fromByteOffset: start, as: UInt64.self) ^ Self.mask
        let name = buffer[start + 16..<start + Self.recordSize].prefix { $0 != 0 }
        if let earlier = seen.updateValue(verdict, forKey: address), earlier == verdict { continue }
        records.append(Record(address: address, verdict: verdict, kind: String(decoding: name, as: UTF8.self)))
      }
    }
  }
}

/// The judgement of a tool against the truth, block by block.
struct Score {
  struct Kind {
    var expected = 0
    var found = 0
    /// Not the address of a live block at all: the program and the heap walk disagree.
    var noBlock = 0
  }

  /// Leaks by kind.
  var leaks: [String: Kind] = [:]
  /// Healthy blocks that were reported, by kind; and how many there are.
  var falselyReported: [String: Int] = [:]
  var healthy = 0
  var healthyWithoutBlock: [String: Int] = [:]
  /// Reported blocks that the program did not register, by type.
  var unregistered: [String: Int] = [:]
  var lostTasks = 0
  /// Leaked blocks that were not reported.
  var missed: Set<Int> = []
  /// Registered blocks, and those of them that have a type, by kind.
  var types: [String: (typed: Int, all: Int)] = [:]

  /// - Parameters:
  ///   - block: index of the live block that holds an address, or nil.
  ///   - unreachable: indices of the blocks that were reported.
  init(_ truth: TruthTable, block: (UInt64) -> Int?, unreachable: Set<Int>, type: (Int) -> String) {
    var registered = Set<Int>()
    for record in truth.records {
      guard let index = block(record.address) else {
        if record.verdict.isLeak {
          leaks[record.kind, default: Kind()].noBlock += 1
          leaks[record.kind, default: Kind()].expected += 1
        } else {
          healthyWithoutBlock[record.kind, default: 0] += 1
        }
        continue
      }
      guard registered.insert(index).inserted else { continue }
      let isReported = unreachable.contains(index)
      types[record.kind, default: (0, 0)].all += 1
      if !type(index).hasPrefix("unknown, ") { types[record.kind, default: (0, 0)].typed += 1 }
      if record.verdict.isLeak {
        leaks[record.kind, default: Kind()].expected += 1
        if isReported { leaks[record.kind, default: Kind()].found += 1 } else { missed.insert(index) }
        if record.verdict == .leakedTask { lostTasks += 1 }
      } else {
        healthy += 1
        if isReported { falselyReported[record.kind, default: 0] += 1 }
      }
    }
    for index in unreachable where !registered.contains(index) { unregistered[type(index), default: 0] += 1 }
  }

  var expected: Int { leaks.values.reduce(0) { $0 + $1.expected } }
  var found: Int { leaks.values.reduce(0) { $0 + $1.found } }
  var share: Double { expected == 0 ? 1 : Double(found) / Double(expected) }
  var falseCount: Int { falselyReported.values.reduce(0, +) }
  var unregisteredCount: Int { unregistered.values.reduce(0, +) }

  /// Memory that the program asked for as bytes: nothing in it says what it is.
  private static let rawKinds: Set<String> = [
    "C block", "C chain", "C struct", "interior pointer", "interior pointer on a stack", "plain blocks of many sizes",
    "UnsafeRawBufferPointer", "UnsafeMutableBufferPointer", "hand-written ring", "DispatchData",
  ]

  /// Share of the blocks that Swift allocated whose type is known, and the kinds of which some are not.
  var typed: (share: Double, untyped: [String]) {
    let swift = types.filter { !Self.rawKinds.contains($0.key) }
    let all = swift.values.reduce(0) { $0 + $1.all }
    let typed = swift.values.reduce(0) { $0 + $1.typed }
    let untyped = swift.filter { $0.value.typed < $0.value.all }.map { "\($0.value.all - $0.value.typed) \($0.key)" }
    return (all == 0 ? 0 : Double(typed) / Double(all), untyped.sorted())
  }

  /// A table for the test's log.
  func table(_ title: String) -> String {
    var lines = [
      "\(title): found \(found) of \(expected) leaked blocks, \(falseCount) of \(healthy) healthy ones reported"
    ]
    for (kind, row) in leaks.sorted(by: { $0.key < $1.key }) {
      let missing = row.found == row.expected ? "" : "   <- \(row.expected - row.found) missing"
      lines.append(
        "  \(row.found)/\(row.expected) \(kind)\(row.noBlock > 0 ? ", \(row.noBlock) no block" : "")\(missing)")
    }
    for (kind, count) in falselyReported.sorted(by: { $0.key < $1.key }) { lines.append("  FALSE \(count) \(kind)") }
    for (kind, count) in healthyWithoutBlock.sorted(by: { $0.key < $1.key }) {
      lines.append("  healthy, but no live block: \(count) \(kind)")
    }
    for (type, count) in unregistered.sorted(by: { $0.key < $1.key }) {
      lines.append("  not registered by the program: \(count) \(type)")
    }
    return lines.joined(separator: "\n")
  }
}
