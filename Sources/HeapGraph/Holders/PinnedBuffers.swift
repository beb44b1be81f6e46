import Malloc
import ProcessImage
import SwiftMetadata

/// Views of one kind, in one place, that keep buffers of which they show little.
public struct PinnedBuffers: Sendable, Hashable, Codable {
  public var kind: BufferViewKind
  /// Type and field that the views are stored in: `[Substring] storage[…]`.
  public var place: String
  /// The root that leads to them.
  public var root: String
  public var views, buffers: Int
  /// Bytes that the views show.
  public var shownBytes: UInt64
  /// Bytes that the buffers keep.
  public var pinnedBytes: UInt64
  /// Bytes that go when each view becomes a copy of what it shows.
  public var savedBytes: UInt64
}

extension HeapHolders {
  /// Views that alone keep a buffer larger than what they show. One sweep over the heap; buffers that anything else refers to do not
  /// count, since a copy would give nothing back.
  func pinnedBuffers() throws(MemoryError) -> [PinnedBuffers] {
    let types = ViewTypes(references.heap.types)
    guard types.any else { return [] }
    var sink = ViewSink(types: types, labels: labels, blockCount: graph.blockCount)
    var scanner = references.scanner()
    let tree = tree
    let sources = references.sources { tree.vertex($0) != nil }
    try scanner.scan(count: sources.count, { Int(sources[$0]) }, into: &sink)
    let buffers = try viewedBuffers(sink.views, heldWhole: sink.heldWhole)
    return grouped(buffers.filter { !sink.heldWhole.contains(Int($0.key)) })
  }

  /// What views show of each buffer.
  ///
  /// - Parameter heldWhole: buffers to which something else refers; those that a view turns out to show whole are added.
  private func viewedBuffers(
    _ views: [ViewSink.View], heldWhole: Bitmap
  ) throws(MemoryError) -> [UInt32: ViewedBuffer] {
    let heap = references.heap
    var buffers: [UInt32: ViewedBuffer] = [:]
    let window = MemoryWindow(references.memory)
    for view in views where !heldWhole.contains(Int(view.target)) {
      let target = Int(view.target)
      let address = heap.blocks.address(Int(view.source)) &+ view.offset &- view.kind.referenceOffset
      guard try window.load(address..<address &+ view.kind.size) else { continue }
      var stride: UInt64 = 1
      if case .array(_, let element) = heap.type(target).layout { stride = UInt64(max(1, element.stride)) }
      let read = BufferView(
        view.kind, stride: stride, word: { window.word(address &+ 8 &* $0) },
        memory: { try? references.memory.load(UInt64.self, at: $0) })
      // Not understood: as good as a reference to the whole.
      guard let read, read.upper <= (try contentBytes(of: target, view.kind)) else {
        heldWhole.insert(target)
        continue
      }
      let place = PlaceKey(
        type: heap.typeIndex(Int(view.source)), label: view.label, kind: view.kind,
        root: root(leadingTo: Int(view.source))?.title ?? "")
      var buffer = buffers[view.target] ?? ViewedBuffer(place: place, source: Int(view.source))
      buffer.shown &+= read.length
      buffer.copies &+= copyBytes(read.length, view.kind, storage: heap.blocks.size(target))
      buffer.views += 1
      buffers[view.target] = buffer
    }
    return buffers
  }

  /// By the place of the views, largest saving first.
  private func grouped(_ buffers: [UInt32: ViewedBuffer]) -> [PinnedBuffers] {
    var groups: [PlaceKey: PinnedBuffers] = [:]
    var sources: [PlaceKey: Int] = [:]
    for (target, buffer) in buffers {
      let kept = tree.retainedBytes(ofNode: Int(target))
      guard kept > buffer.copies else { continue }
      var group =
        groups[buffer.place]
        ?? PinnedBuffers(
          kind: buffer.place.kind, place: "", root: buffer.place.root, views: 0, buffers: 0, shownBytes: 0,
          pinnedBytes: 0, savedBytes: 0)
      group.views += buffer.views
      group.buffers += 1
      group.shownBytes &+= buffer.shown
      group.pinnedBytes &+= kept
      group.savedBytes &+= kept - buffer.copies
      sources[buffer.place] = min(sources[buffer.place] ?? Int.max, buffer.source)
      groups[buffer.place] = group
    }
    return groups.map { place, group in
      var group = group
      let source = sources[place] ?? 0
      group.place = name(source) + labels.text(source, EdgeLabel(raw: place.label))
      return group
    }.sorted { ($0.savedBytes, $1.place) > ($1.savedBytes, $0.place) }
  }

  /// Bytes of content that a buffer has room for.
  private func contentBytes(of block: Int, _ kind: BufferViewKind) throws(MemoryError) -> UInt64 {
    let size = references.heap.blocks.size(block)
    switch kind {
    case .substring, .arraySlice: return size > 32 ? size - 32 : 0
    // The bytes lie in a block of their own, which the storage alone keeps.
    case .data, .byteBuffer:
      let kept = tree.retainedBytes(ofNode: block)
      return kept > size ? kept - size : 0
    }
  }

  /// Bytes that a copy of the shown part takes, as the libraries ask for it.
  private func copyBytes(_ length: UInt64, _ kind: BufferViewKind, storage: UInt64) -> UInt64 {
    let length = Int(clamping: min(length, 1 << 40))
    func block(_ bytes: Int) -> UInt64 { StorageShapes.chunk(bytes) - 8 }
    switch kind {
    case .substring: return length <= 15 ? 0 : block(32 + length + 1)
    case .arraySlice: return length == 0 ? 0 : block(32 + length)
    case .data: return length <= 14 ? 0 : storage + block(length)
    case .byteBuffer:
      var capacity = 1
      while capacity < length { capacity *= 2 }
      return storage + block(capacity)
    }
  }
}

/// A buffer of which views show a part.
private struct ViewedBuffer {
  var shown: UInt64 = 0
  /// Bytes that copies of what is shown would take.
  var copies: UInt64 = 0
  var views = 0
  var place: PlaceKey
  /// The first block with a view of it.
  var source: Int
}

/// Where views are stored that are told together.
private struct PlaceKey: Hashable {
  var type: Int
  var label: UInt32
  var kind: BufferViewKind
  var root: String
}

/// Which types have views among their slots.
private struct ViewTypes {
  private let has: [Bool]
  let any: Bool

  init(_ types: [ObjectType]) {
    has = types.map { $0.layout.slots.contains { BufferViewKind($0) != nil } }
    any = has.contains(true)
  }

  func contains(_ type: Int) -> Bool { type < has.count && has[type] }
}

/// Collects views, and blocks to which something else than a view refers.
private struct ViewSink: ReferenceSink {
  struct View {
    var source: UInt32
    var target: UInt32
    var offset: UInt64
    var label: UInt32
    var kind: BufferViewKind
  }

  let types: ViewTypes
  let labels: EdgeLabels
  let heldWhole: Bitmap
  private(set) var views: [View] = []
  /// What a label of a type stands for.
  private var known: [Key: Meaning] = [:]

  private struct Key: Hashable {
    var type: Int
    var label: UInt32
  }
  private enum Meaning {
    case view(BufferViewKind)
    /// Part of a view that another word stands for.
    case partOfView
    case whole
  }

  init(types: ViewTypes, labels: EdgeLabels, blockCount: Int) {
    self.types = types
    self.labels = labels
    heldWhole = Bitmap(count: blockCount)
  }

  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    guard strength != .unowned, strength != .weak else { return }
    let type = labels.heap.typeIndex(source)
    // A word in a block of which nothing is known: more likely left over than a buffer of Swift's in the hands of C.
    if strength == .ambiguous, type == TypedHeap.unknown { return }
    guard types.contains(type) else {
      heldWhole.insert(target)
      return
    }
    let label = labels.label(source, offset)
    let key = Key(type: type, label: label.raw)
    let meaning = known[key] ?? self.meaning(source, label)
    known[key] = meaning
    switch meaning {
    case .view(let kind):
      views.append(
        View(source: UInt32(source), target: UInt32(target), offset: offset, label: label.raw, kind: kind))
    case .partOfView: break
    case .whole: heldWhole.insert(target)
    }
  }

  private func meaning(_ source: Int, _ label: EdgeLabel) -> Meaning {
    guard let slot = labels.slot(source, label) else { return .whole }
    if let kind = BufferViewKind(slot) { return .view(kind) }
    return slot.path.hasSuffix("_buffer.subscriptBaseAddress") ? .partOfView : .whole
  }
}
