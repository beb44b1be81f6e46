import Foundation
import Malloc
import SwiftMetadata
import Symbols
import Synchronization
import TestSupport
import Testing

@testable import HeapGraph

/// Holders and paths on heaps in a byte array.
@Suite struct HolderTests {
  private func holders(_ heap: SyntheticHeap) throws -> HeapHolders {
    let (analysis, image) = try heap.keepingReferences()
    return try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
  }

  /// Random heaps: what hangs on the top is what is reachable, to the byte; so it is below every holder.
  @Test(arguments: 0..<20)
  func retainedSizesAddUp(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(400 + seed))
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["a", "b", "c"])
    let addresses = (0..<400).map { _ in heap.block([node, 3, 0, 0, 0]) }
    for source in addresses {
      for field in 0..<3 where Int.random(in: 0..<3, using: &generator) == 0 {
        heap.store(addresses.randomElement(using: &generator) ?? source, in: source, at: 16 + 8 * field)
      }
    }
    for _ in 0..<6 { heap.root(addresses.randomElement(using: &generator) ?? 0) }
    let holders = try holders(heap)
    let reachable = 400 - holders.analysis.unreachable.count
    #expect(holders.reachableBytes == UInt64(reachable * 40))
    #expect(holders.reachableBlocks == reachable)
    let report = try holders.holders(cut: 0)
    #expect(report.holders.reduce(report.otherBytes) { $0 + $1.retainedBytes } == holders.reachableBytes)
    for holder in report.holders { check(holder) }
  }

  private func check(_ holder: Holder) {
    let below = holder.children.reduce(holder.otherBytes) { $0 + $1.retainedBytes }
    #expect(below + holder.ownBytes == holder.retainedBytes, "\(holder.name)")
    for child in holder.children { check(child) }
  }

  /// A graph has the memory of a whole heap and, of a process, open files: what was asked of it must not keep it.
  @Test func aGraphGoesWithItsLastUser() throws {
    weak var gone: HeapHolders?
    do {
      let heap = SyntheticHeap()
      heap.root(heap.block([heap.classType("Node", fields: ["a"]), 3, 0]))
      let holders = try holders(heap)
      gone = holders
      _ = try holders.holders(cut: 0)
      _ = try holders.tasks()
      _ = try holders.actors.get()
      _ = try holders.waste()
      #expect(holders.root(leadingTo: 0) != nil)
    }
    #expect(gone == nil)
  }

  /// Whatever a report prints as a way to a holder finds it again, with the same bytes; names may be shortened.
  @Test func pathsFindTheirHolders() throws {
    let heap = SyntheticHeap()
    let store = heap.classType("Store", fields: ["users", "offers", "spare"])
    let user = heap.classType("User", fields: ["name", "friend"])
    let offer = heap.classType("Offer", fields: ["title", "seller"])
    let text = heap.type(.stringStorage, "__StringStorage", .string)
    func string() -> UInt64 { heap.block([text, 3, 16, 5, 0, 0]) }
    let friend = heap.block([user, 3, string(), 0])
    let first = heap.block([user, 3, string(), friend])
    let deal = heap.block([offer, 3, string(), heap.block([user, 3, string(), 0])])
    heap.root(heap.block([store, 3, first, deal, 0]))
    let holders = try holders(heap)
    let report = try holders.holders(cut: 0)
    var looked = 0
    func check(_ holder: Holder, _ way: String) throws {
      let path = way + holder.name
      #expect(try holders.held(by: path).bytes == holder.retainedBytes, "\(path)")
      looked += 1
      for child in holder.children { try check(child, path + child.field + " -> ") }
    }
    for holder in report.holders { try check(holder, "global ") }
    #expect(looked > 6)
    let offers = try holders.held(by: "cache->Store.offers")
    #expect(try offers.bytes == holders.held(by: "Offer").bytes && offers.blocks == 4)
    #expect(try holders.held(by: "cache.offers").bytes == offers.bytes)
    #expect(offers.title.hasSuffix(" -> Store.offers -> Offer"), "\(offers.title)")
    // Two users hang on the store, one on an offer; the friend goes with its user.
    #expect(try holders.held(by: "3 x User").blocks == 6)
    #expect(offers.keeps(address: deal, size: 32) && !offers.keeps(address: first, size: 32))
    #expect(!offers.keeps(address: deal + 8, size: 24) && !offers.keeps(address: deal, size: 4096))
    for (path, near) in [
      ("ofer", "Offer"), ("cache -> Shop", "Store"), ("Store.ofers", "offers"), ("cache.ofers", "offers"),
      ("", "cache"), (" -> ", "cache"),
    ] {
      do {
        _ = try holders.held(by: path)
        Issue.record("'\(path)' was found")
      } catch let error as HoldersError { #expect("\(error)".contains(near), "\(error)") }
    }
  }

  /// Blocks without a type are no more one type than blocks of one size: what hangs on them is told, however often they come again.
  @Test func untypedBlocksDoNotEndABranch() throws {
    let heap = SyntheticHeap()
    let timer = heap.classType("Timer", fields: ["context"])
    let leaf = heap.classType("Leaf", fields: [])
    let context = heap.block([0, heap.block([leaf, 3, 0, 0]), 0])
    let table = heap.block([0, heap.block([timer, 3, context]), 0])
    heap.root(table)
    let report = try holders(heap).holders(cut: 0)
    var names: [String] = []
    var next = report.holders.first?.children.first
    while let holder = next {
      names.append(holder.name)
      next = holder.children.first
    }
    #expect(names == ["untyped block", "Timer", "untyped block", "Leaf"])
  }

  @Test func aListIsOneHolder() throws {
    let heap = SyntheticHeap()
    let list = heap.classType("Link", fields: ["next", "text"])
    let text = heap.type(.stringStorage, "__StringStorage", .string)
    var next: UInt64 = 0
    for _ in 0..<5000 {
      let string = heap.block([text, 3, 16, 5, 0, 0])
      next = heap.block([list, 3, next, string])
    }
    heap.root(next)
    let holders = try holders(heap)
    let report = try holders.holders()
    #expect(report.holders.count == 1)
    let root = try #require(report.holders.first)
    #expect(root.kind == .root && root.name == "cache : Link")
    let link = try #require(root.children.first)
    #expect(link.count == 5000 && link.name == "Link")
    #expect(link.children.map(\.count) == [5000])
    #expect(link.children.first?.field == ".text")

    let (_, image) = try heap.keepingReferences()
    let paths = try holders.paths(to: .type("String storage"), image: image)
    #expect(paths.objects == 5000 && paths.groups.count == 1)
    #expect(paths.groups.first?.text == "cache : Link -> Link.text -> String storage")
    let one = try holders.paths(to: .address(next + 8), image: image)
    #expect(one.groups.map(\.text) == ["cache : Link -> Link"])
  }

  /// A list of two hundred thousand links through the whole of it, from marking to text, on a small stack.
  @Test func aLongListNeedsNoStack() throws {
    let links = 200_000
    let heap = SyntheticHeap()
    let list = heap.classType("Link", fields: ["next", "other"])
    var next: UInt64 = 0
    for _ in 0..<links { next = heap.block([list, 3, next, 0]) }
    heap.root(next)
    let lines = Mutex<[String]>([])
    let (analysis, image) = try heap.keepingReferences()
    try SmallStack.run(bytes: 256 << 10) {
      guard let holders = try? HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()),
        let report = try? holders.holders(cut: 0), let paths = try? holders.paths(to: .type("Link"), image: image),
        let waste = try? holders.waste(), let tasks = try? holders.tasks()
      else { return }
      lines.withLock {
        $0 =
          report.holders.map { "\($0.name) \($0.retainedBytes)" } + paths.groups.map { "\($0.text) \($0.objects)" }
          + ["\(waste.duplicateBytes > 0) \(tasks.tasks)"]
      }
    }
    let bytes = links * 32
    #expect(
      lines.withLock { $0 } == ["cache : Link \(bytes)", "cache : Link -> Link \(links)", "false 0"],
      "\(lines.withLock { $0 })")
  }

  /// The compiler's constant array of a literal: its metadata leads anywhere, and a developer can change nothing in it.
  @Test func constantArraysAreNoHolders() throws {
    struct Outlined: SymbolSource {
      func symbol(at address: UInt64) -> Symbol? {
        Symbol(
          address: SyntheticHeap.globals, size: 4096, mangledName: "$s8NIOHTTP218nioDefaultSettings_WZTv_",
          module: "/bin/test", isData: true)
      }
      func address(of mangledName: String) -> UInt64? { nil }
    }
    let heap = SyntheticHeap()
    heap.root(heap.block([heap.classType("Leaf", fields: [])]))
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: Outlined())
    let root = try #require(holders.roots.first { $0.title.hasPrefix("outlined variable") })
    #expect(root.kind == .runtime && !root.isVariable)
  }

  /// What was taken out of a ring buffer is held no more, and what goes on at its start is.
  @Test func ringBuffers() throws {
    let heap = SyntheticHeap()
    let leaf = heap.classType("Leaf", fields: [])
    let element = SyntheticHeap.reference(to: "Leaf")
    let ring = heap.type(.arrayStorage, "_DequeBuffer<Leaf>", .ring(elements: 40, element: element))
    let leaves = (0..<6).map { _ in heap.block([leaf, 3]) }
    // Room for 6; slots 4, 5, 0 are in use, the others are left over.
    let buffer = heap.block([ring, 3, 6, 3, 4] + leaves)
    heap.root(buffer)
    let holders = try holders(heap)
    #expect(holders.analysis.unreachable.count == 3)
    let storage = try #require(try holders.holders(cut: 0).holders.first?.children.first)
    #expect(storage.name == "Deque<Leaf> storage" && storage.container?.entries == 3 && storage.container?.slots == 6)
    #expect(storage.children.map(\.count) == [3] && storage.children.first?.field == "[…]")
    let (_, image) = try heap.keepingReferences()
    // The third element lies in slot 0.
    let third = try holders.paths(to: .address(leaves[0]), image: image)
    #expect(third.groups.map(\.text) == ["cache : Link[2] -> Leaf"], "\(third.groups.map(\.text))")
    let torn = SyntheticHeap()
    let tornRing = torn.type(.arrayStorage, "_DequeBuffer<Leaf>", .ring(elements: 40, element: element))
    let tornLeaf = torn.block([torn.classType("Leaf", fields: []), 3])
    torn.root(torn.block([tornRing, 3, 1 << 40, 1 << 62, 1 << 63, tornLeaf]))
    // Not the ring that its metadata promised: everything is believed, nothing traps.
    #expect(try self.holders(torn).analysis.unreachable.isEmpty)
  }

  /// Two types that refer to each other in turn, a hundred thousand times: one shape each, not one a link.
  @Test func alternatingTypesAreFewPaths() throws {
    let heap = SyntheticHeap()
    let odd = heap.classType("Odd", fields: ["next"])
    let even = heap.classType("Even", fields: ["next"])
    var next: UInt64 = 0
    for number in 0..<100_000 { next = heap.block([number % 2 == 0 ? even : odd, 3, next]) }
    heap.root(next)
    let holders = try holders(heap)
    let (_, image) = try heap.keepingReferences()
    for (type, text) in [
      ("Odd", "cache : Link -> Odd"), ("Even", "cache : Link -> Odd.next -> Even"),
    ] {
      let paths = try holders.paths(to: .type(type), image: image)
      #expect(paths.groups.map(\.text) == [text] && paths.groups.first?.objects == 50_000)
      // Each byte once, however deep the objects hang on each other.
      #expect(paths.otherGroups == 0 && paths.groups.first?.retainedBytes ?? 0 <= 100_000 * 24)
    }
  }

  /// More paths than anyone reads: the rest is counted.
  @Test func manyPathsAreCounted() throws {
    let heap = SyntheticHeap()
    let count = 1500
    let wide = heap.classType("Wide", fields: (0..<count).map { "field\($0)" })
    let leaf = heap.classType("Leaf", fields: [])
    heap.root(heap.block([wide, 3] + (0..<count).map { _ in heap.block([leaf, 3]) }))
    let holders = try holders(heap)
    let (_, image) = try heap.keepingReferences()
    let paths = try holders.paths(to: .type("Leaf"), image: image)
    #expect(paths.objects == count && paths.groups.count == 1000)
    #expect(paths.otherGroups == 500 && paths.otherObjects == 500)
  }

  /// Chains through memory in either direction, and one without any order, are marked whole: small pieces are read ahead.
  @Test(arguments: ["forward", "backward", "scattered"]) func chainsInAnyOrder(order: String) throws {
    var generator = SeededGenerator(seed: 3)
    let heap = SyntheticHeap()
    let link = heap.classType("Link", fields: ["next"])
    let pad = heap.type(.arrayStorage, "_ContiguousArrayStorage<UInt8>", .none)
    var blocks: [UInt64] = []
    for number in 0..<20_000 {
      blocks.append(heap.block([link, 3, 0]))
      if number % 1000 == 999 { heap.block([pad, 3] + [UInt64](repeating: 1, count: 10_000)) }
    }
    switch order {
    case "backward": blocks.reverse()
    case "scattered": blocks.shuffle(using: &generator)
    default: break
    }
    for (from, to) in zip(blocks, blocks.dropFirst()) { heap.store(to, in: from, at: 16) }
    heap.root(blocks.first ?? 0)
    let analysis = try heap.analysis()
    #expect(analysis.unreachable.count == 20 && analysis.referenceCount == 19_999)
  }

  /// Slices of Data past 2 GiB keep their bounds in an object; torn ones are no views.
  @Test func sizesPastFourGiB() {
    let bounds: UInt64 = 0x7000_0000_1000
    func view(_ words: [UInt64], _ memory: [UInt64: UInt64]) -> BufferView? {
      BufferView(.data, stride: 1, word: { words[Int($0)] }, memory: { memory[$0] })
    }
    let tag: UInt64 = 2 << 62 | 0x7000_0000_2000
    let large = view([bounds, tag], [bounds + 16: 3 << 30, bounds + 24: 7 << 30])
    #expect(large?.lower == 3 << 30 && large?.length == 4 << 30)
    #expect(view([bounds, tag], [:]) == nil)
    #expect(view([bounds, tag], [bounds + 16: 5, bounds + 24: 4]) == nil)
    #expect(view([bounds, tag], [bounds + 16: 5, bounds + 24: .max]) == nil)
    #expect(view([UInt64.max, 3 << 62], [:]) == nil)
    let small = view([20 << 32 | 10, 1 << 62 | 0x7000_0000_2000], [:])
    #expect(small?.lower == 10 && small?.upper == 20)
    func slice(_ start: UInt64, _ end: UInt64, _ stride: UInt64) -> BufferView? {
      BufferView(.arraySlice, stride: stride, word: { [0, 0, start, end << 1][Int($0)] })
    }
    #expect(slice(1 << 30, 1 << 33, 8)?.length == (1 << 36) - (1 << 33))
    #expect(slice(0, 1 << 41, 8) == nil && slice(0, 10, 1 << 21) == nil)
    // A table of four billion buckets, and storage behind it: nothing overflows.
    let key = ValueLayout(typeName: "Int", size: 8, stride: 8, alignment: 8, slots: [])
    let table = HashTableShape(bitmap: 64, key: key, value: key, size: 72 << 30)
    #expect(table?.buckets == 1 << 32)
    #expect(HashTableShape(bitmap: 64, key: key, value: key, size: .max)?.buckets ?? 0 > 1 << 32)
  }

  @Test func namesThatMatchNothing() throws {
    let heap = SyntheticHeap()
    let session = heap.classType("Session", fields: [])
    heap.root(heap.block([session, 3]))
    // Names in which another one is a parameter are as near, and come after it.
    for name in ["Box<Offer>", "Cache<Int, Offer>", "Offer", "Table<Offer>"] {
      heap.root(heap.block([heap.classType(name, fields: []), 3]))
    }
    let holders = try holders(heap)
    let (_, image) = try heap.keepingReferences()
    #expect(throws: HoldersError.noSuchType("Sesion", near: ["Session"])) {
      try holders.paths(to: .type("Sesion"), image: image)
    }
    let near = ["Offer", "Box<Offer>", "Table<Offer>", "Cache<Int, Offer>"]
    #expect(throws: HoldersError.noSuchType("Offe", near: near)) {
      try holders.paths(to: .type("Offe"), image: image)
    }
    #expect(throws: HoldersError.self) { try holders.paths(to: .address(8), image: image) }
    #expect(throws: HoldersError.self) { try holders.paths(to: .address(SyntheticHeap.globals), image: image) }
    #expect(throws: HoldersError.self) { try holders.paths(to: .address(SyntheticHeap.heapBase + 4000), image: image) }
    #expect(HeapHolders.Subject(parsing: "0xff") == .address(255))
    #expect(HeapHolders.Subject(parsing: "Foo") == .type("Foo"))
  }

  /// Storage of hash tables as the standard library lays it out, to the byte (docs/holders.md).
  @Test func storageFormulas() {
    let key = ValueLayout(typeName: "String", size: 16, stride: 16, alignment: 8, slots: [])
    let value = ValueLayout(typeName: "Offer", size: 192, stride: 192, alignment: 8, slots: [])
    let shapes = StorageShapes(key: key, value: value, entries: 50)
      .shapes(buckets: 128, isShareable: true, differingBytes: 16, haveAllKeys: true)
    let bytes = Dictionary(uniqueKeysWithValues: shapes.map { ($0.kind, $0.bytesPerContainer) })
    #expect(bytes[.inline] == 26_720)
    #expect(bytes[.boxed] == 14_368)
    #expect(bytes[.exactArray] == 10_448)
    #expect(bytes[.shared] == 3_168)
  }
}

/// All globals are one variable.
struct OneGlobal: SymbolSource {
  func symbol(at address: UInt64) -> Symbol? {
    Symbol(
      address: SyntheticHeap.globals, size: 4096, mangledName: "$s4test5cacheAA4LinkCvp", module: "/bin/test",
      isData: true)
  }
  func address(of mangledName: String) -> UInt64? { nil }
}
