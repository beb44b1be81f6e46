import Malloc
import ProcessImage
import SwiftMetadata

/// Which task-local variable a value in a task's memory belongs to.
///
/// A bound value is {next binding, the `TaskLocal` object, type of the value, value} (swiftlang/swift 6.3 include/swift/ABI/TaskLocal.h,
/// `TaskLocal::ValueItem`). The object is what a static variable refers to, and that has a name.
struct TaskLocalNames: @unchecked Sendable {
  /// `Request.trace`.
  private(set) var names: [String] = []
  private var numbers: [UInt64: Int] = [:]
  /// Used by who asks for labels, one at a time.
  private let window: MemoryWindow

  /// Words of a value in which a reference is looked for.
  private static let valueWords: UInt64 = 4
  private static let header: UInt64 = 16

  init(_ references: HeapReferences, _ roots: RootNames) {
    window = MemoryWindow(references.memory)
    let heap = references.heap
    let isKey = heap.types.map { $0.kind == .class && $0.name.hasPrefix("TaskLocal<") }
    guard isKey.contains(true) else { return }
    for (root, blocks) in zip(roots.names, roots.entries) where root.kind == .global {
      for block in blocks where isKey[heap.typeIndex(Int(block))] {
        guard numbers.updateValue(names.count, forKey: heap.blocks.address(Int(block))) == nil else { continue }
        names.append(Self.variable(root.title))
      }
    }
  }

  /// `static Request.$trace : TaskLocal<Trace?>` is `Request.trace` in the program.
  private static func variable(_ title: String) -> String {
    let name = title.prefix { $0 != " " || title.hasPrefix("static ") }
    let bare = name.hasPrefix("static ") ? name.dropFirst(7) : name
    return String(bare.prefix { $0 != " " }.filter { $0 != "$" })
  }

  /// Number of the variable to whose value the word at `address` belongs.
  ///
  /// - Parameter start: of the block of task memory.
  func number(ofValueAt address: UInt64, from start: UInt64) -> Int? {
    guard !names.isEmpty else { return nil }
    for word in 0..<Self.valueWords {
      let key = address &- 8 &* word &- Self.header
      guard key >= start, key < address, (try? window.load(key..<key + Self.header)) == true else { return nil }
      if let number = numbers[window.word(key)], window.word(key + 8) != 0 { return number }
    }
    return nil
  }
}
