import Malloc
import ProcessImage
import SwiftMetadata

/// `AsyncStream`s of one type and one root with elements that nobody has taken yet.
public struct StreamBuffer: Sendable, Hashable, Codable {
  /// Whether somebody may take the elements.
  public enum Reader: String, Sendable, Hashable, Codable {
    /// A task's frame holds the stream or an iterator of it: it is slower than what fills the stream, or waits elsewhere.
    case task
    /// The stream is stored somewhere, but no task's frame holds it.
    case stored
    /// Only continuations are left: nobody can take what is buffered.
    case none
  }

  /// `AsyncStream<Reading>`.
  public var type: String
  public var streams = 1
  /// In all of them.
  public var elements: UInt64
  /// Of the buffers and what hangs on them.
  public var bytes: UInt64
  public var reader: Reader
  /// The root that leads to them; empty where none tells anything.
  public var heldBy: String

  /// Those that differ in nothing but their number of elements as one, most bytes first. O(streams).
  static func grouped(_ buffers: [StreamBuffer]) -> [StreamBuffer] {
    struct Key: Hashable {
      var type: String
      var reader: Reader
      var heldBy: String
    }
    var groups: [Key: StreamBuffer] = [:]
    for buffer in buffers {
      let key = Key(type: buffer.type, reader: buffer.reader, heldBy: buffer.heldBy)
      guard var group = groups[key] else {
        groups[key] = buffer
        continue
      }
      group.streams += buffer.streams
      group.elements &+= buffer.elements
      group.bytes &+= buffer.bytes
      groups[key] = group
    }
    return groups.values.sorted {
      ($0.bytes, $1.heldBy, $1.type, $1.reader.rawValue) > ($1.bytes, $0.heldBy, $0.type, $0.reader.rawValue)
    }
  }
}

extension HeapHolders {
  /// Streams whose buffer is not empty, by type, reader and root. O(references), where there are streams at all.
  ///
  /// swiftlang/swift 6.3 stdlib/public/Concurrency/AsyncStreamBuffer.swift: a continuation refers to the storage, a stream and its iterators to
  /// a `_Context` that does.
  func streamBuffers() throws(MemoryError) -> [StreamBuffer] {
    let heap = references.heap
    var storages: [Int] = []
    var contexts: [Int: Int] = [:]
    for block in 0..<graph.blockCount where tree.vertex(block) != nil {
      let name = heap.type(block).name
      guard name.hasPrefix("AsyncStream<") || name.hasPrefix("AsyncThrowingStream<") else { continue }
      if name.hasSuffix("._Storage") {
        storages.append(block)
      } else if name.hasSuffix("._Context") {
        for edge in graph.graph.edges(of: block) where !isContext(Int(graph.graph.targets[edge])) {
          contexts[Int(graph.graph.targets[edge])] = block
        }
      }
    }
    guard !storages.isEmpty else { return [] }
    var inTasks = Set<Int>()
    for block in heap.blocks(of: .task, .taskSlab) where tree.vertex(block) != nil {
      for edge in graph.graph.edges(of: block) { inTasks.insert(Int(graph.graph.targets[edge])) }
    }
    let window = MemoryWindow(references.memory)
    var result: [StreamBuffer] = []
    for storage in storages {
      for edge in graph.graph.edges(of: storage) {
        let ring = Int(graph.graph.targets[edge])
        guard ring < graph.blockCount, case .ring = heap.type(ring).layout else { continue }
        let address = heap.blocks.address(ring)
        guard heap.blocks.size(ring) >= 40, try window.load(address..<address + 40) else { continue }
        let count = min(window.word(address + 24), heap.blocks.size(ring))
        guard count > 0 else { continue }
        let context = contexts[storage]
        let reader: StreamBuffer.Reader =
          context.map { inTasks.contains($0) ? .task : .stored } ?? .none
        result.append(
          StreamBuffer(
            type: String(heap.type(storage).name.dropLast("._Storage".count)), elements: count,
            bytes: tree.retainedBytes(ofNode: ring), reader: reader, heldBy: tellingLeader(of: storage) ?? ""))
      }
    }
    return StreamBuffer.grouped(result)
  }

  private func isContext(_ node: Int) -> Bool {
    node < graph.blockCount && references.heap.type(node).name.hasSuffix("._Context")
  }
}
