import ProcessImage

/// The allocators whose heaps can be walked exactly: one row each.
enum Allocators {
  static let all: [any HeapWalker.Type] = [GlibcWalker.self]
}

extension HeapWalk {
  /// Size in bytes of the object at `address` whose first word is `head`, or nil where `head` is no metadata or the object would not fit
  /// into `available` bytes. Called with any word that points into the image; it must not trap on any of them.
  public typealias ObjectSize = (_ head: UInt64, _ address: UInt64, _ available: UInt64) -> UInt64?

  /// Walks the heap of `image` with the first allocator that recognises it.
  ///
  /// - Parameters:
  ///   - blocks: which blocks are kept, and who is shown them.
  ///   - progress: called with a fraction between 0 and 1.
  ///   - objectSize: where no allocator is recognised, objects are listed by what they look like; see `ObjectScan`.
  /// - Throws: `MallocError.unknownAllocator` where no structure is known and `objectSize` is nil.
  public static func walk(
    _ image: ProcessImage, into blocks: BlockTable.Builder = BlockTable.Builder(),
    progress: (@Sendable (Double) -> Void)? = nil, objectSize: ObjectSize? = nil
  ) throws(MallocError) -> HeapWalk {
    let isEmulated = image.isEmulated
    let other =
      isEmulated ? "the allocator of a program under an emulator or Valgrind" : KnownAllocators.name(in: image)
    // The first C library would be the emulator's, whose blocks are none of the program's.
    if !isEmulated, var walk = try exactly(image, blocks, progress) {
      guard let other else { return walk }
      // Preloaded allocators leave glibc a few blocks from before; linked ones may serve only a part of the program.
      if !ForeignHeap.isMost(of: image, beside: walk) {
        walk.remarks.append("\(other) is loaded too; blocks that it hands out are not listed")
        return walk
      }
    }
    let name = other ?? "an unknown allocator"
    guard let objectSize else {
      throw .unknownAllocator(other ?? "no glibc arena was found in \(image.modules.count) modules")
    }
    return try ObjectScan.walk(image, allocator: name, into: blocks.fresh(), progress: progress, objectSize: objectSize)
  }
}

extension HeapWalk {
  /// How often a running process is looked at anew.
  private static let mostLooks = 6

  /// With the first allocator that recognises the heap; nil where none does.
  ///
  /// A running process goes on allocating: once its heap has grown past the mappings that were listed, its allocator contradicts them. So these are
  /// listed again then, right before the next look.
  private static func exactly(
    _ image: ProcessImage, _ blocks: BlockTable.Builder, _ progress: (@Sendable (Double) -> Void)?
  ) throws(MallocError) -> HeapWalk? {
    guard image.source == .running, let pid = image.pid else {
      guard let walker = Allocators.all.first(where: { $0.recognizes(image) }) else { return nil }
      return try walker.walk(image, into: blocks.fresh(), progress: progress)
    }
    var image = image
    for _ in 0..<mostLooks {
      for walker in Allocators.all where walker.recognizes(image) {
        if let walk = try? walker.walk(image, into: blocks.fresh(), progress: progress) { return walk }
      }
      guard let mappings = try? Procfs.mappings(of: pid) else { return nil }
      image.mappings = mappings
    }
    return nil
  }
}

/// Whether another allocator holds most of the heap.
enum ForeignHeap {
  /// Anonymous memory outside glibc's heaps, thread stacks and module data is at least eight times what glibc holds. O(mappings).
  static func isMost(of image: ProcessImage, beside walk: HeapWalk) -> Bool {
    let own = AddressSpace.union(walk.ownedRanges + image.modules.flatMap(\.writableRanges))
    var rest: UInt64 = 0
    for range in AddressSpace.subtract(own, from: AddressSpace(image.mappings).anonymous)
    where !image.threads.contains(where: { range.contains($0.stackPointer) }) {
      rest &+= range.upperBound - range.lowerBound
    }
    let held = walk.ownedRanges.reduce(UInt64(0)) { $0 &+ ($1.upperBound - $1.lowerBound) }
    return rest / 8 >= held
  }
}
