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
  ///   - progress: called with a fraction between 0 and 1.
  ///   - objectSize: where no allocator is recognised, objects are listed by what they look like; see `ObjectScan`.
  /// - Throws: `MallocError.unknownAllocator` where no structure is known and `objectSize` is nil.
  public static func walk(
    _ image: ProcessImage, progress: (@Sendable (Double) -> Void)? = nil, objectSize: ObjectSize? = nil
  ) throws(MallocError) -> HeapWalk {
    let other = KnownAllocators.name(in: image)
    for walker in Allocators.all where walker.recognizes(image) {
      var walk = try walker.walk(image, progress: progress)
      guard let other else { return walk }
      // Preloaded allocators leave glibc a few blocks from before; linked ones may serve only a part of the program.
      if ForeignHeap.isMost(of: image, beside: walk) { break }
      walk.remarks.append("\(other) is loaded too; blocks that it hands out are not listed")
      return walk
    }
    let name = other ?? "an unknown allocator"
    guard let objectSize else {
      throw .unknownAllocator(other ?? "no glibc arena was found in \(image.modules.count) modules")
    }
    return ObjectScan.walk(image, allocator: name, progress: progress, objectSize: objectSize)
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
