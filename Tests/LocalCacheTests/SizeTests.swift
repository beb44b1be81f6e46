import Foundation
import Synchronization
import TestSupport
import Testing

@testable import LocalCache

/// The cache's figure beside malloc's: build many values, and compare what malloc gave for them with what the walk counts.
@Suite(.serialized) struct SizeTests {
  final class Node: Sendable {
    let label: String
    let next: Node?
    init(_ label: String, _ next: Node?) {
      self.label = label
      self.next = next
    }
  }

  /// Shapes of which the program prints a line.
  private static let shapes = 26

  /// A block in a thread's cache counts as in use, so that caching would blur the truth.
  private func run(_ arguments: [String]) async throws -> Command.Result {
    try await offThePool {
      try Command.run(
        TestProgram.built("cache-sizes"), arguments, environment: ["GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"],
        timeout: 60)
    }
  }

  @Test func valuesOfManyShapes() async throws {
    let result = try await run([])
    let lines = result.output.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.count == Self.shapes, "\(result.output)\(result.errors)")
    for line in lines {
      let counted = try #require(Double(line[1]), "\(line)")
      let truth = try #require(line.count == 3 ? Double(line[2]) : nil, "\(line)")
      #expect(abs(counted - truth) <= truth * 0.03, "\(line[0]): \(line[1]) counted, \(line[2]) from malloc")
    }
  }

  /// At most 48 bytes an entry beside key and value: at any fill in large caches, in smaller ones when they are full. What a cache takes once is in that too.
  @Test func overheadOfAnEntry() async throws {
    let result = try await run(["overhead"])
    let lines = result.output.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.count == 42, "\(result.output)\(result.errors)")
    for line in lines {
      let bytes = try #require(line.count == 5 ? Double(line[4]) : nil, "\(line)")
      #expect(bytes <= 48, "\(line.joined(separator: " ")) bytes each")
    }
  }

  @Test func baselineIsNotPaidFor() {
    let shared = (0..<50).map { "a shared string that is long enough, number \($0)" }
    let baseline = SizeBaseline()
    baseline.include(shared)
    var all = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(Dictionary(uniqueKeysWithValues: shared.map { ($0, 1) }), to: &all)
    var own = HeapWalkState(elementsMeasured: .max, baseline: baseline)
    HeapMeasurement.add(Dictionary(uniqueKeysWithValues: shared.map { ($0, 1) }), to: &own)
    #expect(all.bytes - own.bytes > 50 * 60)
    // 128 slots of 16 + 8 bytes, 16 of bitmap, 64 of header, malloc's word; malloc may add the rest of a hole.
    let exactly = 128 * 24 + 16 + 64 + 16
    #expect(own.bytes == exactly || own.bytes == exactly + 16)
  }

  /// One entry in ten is walked. The sum is right even after sizes have changed, and the error that is reported is about the one it has.
  @Test func entriesThatAreNotWalked() {
    func cache(oneIn: Int) -> LocalCache<Int, [UInt8]> {
      var configuration = LocalCache<Int, [UInt8]>.Configuration()
      configuration.sizing.oneIn = oneIn
      return LocalCache(name: "sampled", limit: .bytes(.mebibytes(512)), configuration: configuration)
    }
    let (all, some) = (cache(oneIn: 1), cache(oneIn: 10))
    var random = Generator(state: 4)
    for phase in 1...2 {
      for key in 0..<20_000 {
        let value = [UInt8](repeating: 1, count: phase * 1000 + Int(random.next() % 400))
        all.set(value, for: key)
        some.set(value, for: key)
      }
      if phase == 1 { #expect(abs(Double(some.weight) / Double(all.weight) - 1) < 0.02) }
    }
    // The first thousands of the second phase still count as those of the first.
    #expect(abs(Double(some.weight) / Double(all.weight) - 1) < 0.2)
    #expect(all.statistics.weightError == 0)
    #expect(some.statistics.weightError > 1 && some.statistics.weightError < 50)
  }

  /// Threads that measure values of new types at the same time, as a service does when it starts.
  @Test func plansAreMadeOnce() async {
    struct Deep<Element: Sendable>: Sendable {
      var elements: [Element]
      var named: [String: Element]
      var maybe: Element?
    }
    func value(_ number: Int) -> Deep<Deep<Deep<Node>>> {
      let node = Node("a label that is long enough, number \(number)", nil)
      let inner = Deep(elements: [node], named: ["one": node], maybe: node)
      let middle = Deep(elements: [inner], named: ["two": inner], maybe: nil)
      return Deep(elements: [middle, middle], named: [:], maybe: middle)
    }
    let sizes = await withTaskGroup(of: Int.self) { group in
      for number in 10..<26 {
        group.addTask {
          var walk = HeapWalkState(elementsMeasured: .max)
          HeapMeasurement.add(value(number), to: &walk)
          return walk.bytes
        }
      }
      return await group.reduce(into: Set<Int>()) { $0.insert($1) }
    }
    // Blocks may be larger by the rest of a hole.
    #expect(sizes.allSatisfy { $0 > 500 && $0 - (sizes.min() ?? 0) <= 160 }, "\(sizes)")
  }

  @Test func mapsThatAreReadWhileTheyGrow() async {
    let map = ConcurrentMap()
    await withTaskGroup(of: Bool.self) { group in
      for thread in 0..<4 {
        group.addTask {
          for number in 1...5000 {
            let key = UInt(number) << 4
            if thread == 0 { map.insert(key, UInt(number)) }
            if let value = map[key], value != number { return false }
          }
          return true
        }
      }
      for await isRight in group { #expect(isRight) }
    }
    for number in 1...5000 { #expect(map[UInt(number) << 4] == UInt(number)) }
    #expect(map[16 * 5001] == nil)
  }

  /// Elements of which only some are measured are chosen all over the container, also where there are few more than that.
  @Test func sampledElementsAreSpreadEvenly() {
    let texts = (0..<300).map { String(repeating: "x", count: $0 < 200 ? 100 : 1000) }
    var all = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(texts, to: &all)
    var some = HeapWalkState(elementsMeasured: 256)
    HeapMeasurement.add(texts, to: &some)
    let (exact, estimate) = (all.bytes, some.bytes)
    #expect(abs(Double(estimate) / Double(exact) - 1) < 0.02, "\(estimate) of \(exact)")
  }

  /// An entry that leads to more than anybody would cache ends the walk, not the stack and not the service.
  @Test func entriesWithoutEnd() {
    final class Everything {
      var others: [Everything] = []
      var next: Everything?
    }
    let first = Everything()
    var last = first
    var all = [first]
    for _ in 0..<200_000 {
      let another = Everything()
      another.next = last
      last = another
      all.append(another)
    }
    first.others = [last]
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(last, to: &walk)
    #expect(walk.seen.count == 1 << 17)
    let bytes = walk.bytes
    #expect(bytes >= 1 << 17 * 32)
    // But a baseline is taken in whole.
    let baseline = SizeBaseline()
    baseline.include(last)
    #expect(all.allSatisfy { baseline.contains(UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque())) })
    // Without recursion through deinitializers.
    for object in all { (object.next, object.others) = (nil, []) }
  }

  @Test func addressesThatWereSeen() {
    var seen = AddressSet()
    var firsts: [Bool] = []
    var agains: [Bool] = []
    for number in UInt(1)...1000 { firsts.append(seen.insert(number << 4)) }
    for number in UInt(1)...1000 { agains.append(seen.insert(number << 4)) }
    #expect(!firsts.contains(false) && !agains.contains(true))
    var all: Set<UInt> = []
    seen.visit { all.insert($0) }
    let count = seen.count
    #expect(count == 1000 && all == Set((UInt(1)...1000).map { $0 << 4 }))
  }

  @Test func weakAndUnownedFieldsAreLeftAlone() {
    final class Owner: @unchecked Sendable {
      weak var weakly: Node?
      unowned let unownedly: Node
      let strongly: [Int]
      init(_ node: Node) {
        weakly = node
        unownedly = node
        strongly = Array(0..<100)
      }
    }
    let node = Node("a label that is long enough to be on the heap", nil)
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(Owner(node), to: &walk)
    #expect(walk.bytes > 800 && walk.bytes < 1000)
    withExtendedLifetime(node) {}
  }

  /// Other threads may be changing them: reading them would end the process some day.
  @Test func variablesThatAreGuardedAreNotRead() {
    final class Storage { var numbers = Array(0..<1000) }
    actor Busy {
      let label = [Int](repeating: 1, count: 100)
      var numbers = Array(0..<1000)
      let storage = Storage()
    }
    final class Locking: @unchecked Sendable {
      private let lock = NSLock()
      let label = [Int](repeating: 1, count: 100)
      var numbers = Array(0..<1000)
      let storage = Storage()
      func add() { lock.withLock { numbers.append(1) } }
    }
    class Queue { let queue: OpaquePointer? = nil, guardian: UnsafeMutablePointer<pthread_rwlock_t>? = nil }
    final class Inheriting: Queue {
      let label = [Int](repeating: 1, count: 100)
      var numbers = Array(0..<1000)
      let storage = Storage()
    }
    // A type that cannot be copied, which the runtime does not name.
    final class Counting: @unchecked Sendable {
      private let lock = Mutex(0)
      let label = [Int](repeating: 1, count: 100)
      var numbers = Array(0..<1000)
      let storage = Storage()
    }
    final class Generic<Element>: @unchecked Sendable {
      private let lock = Mutex<[Element]>([])
      let label = [Int](repeating: 1, count: 100)
      var numbers: [Element]
      let storage = Storage()
      init(_ numbers: [Element]) { self.numbers = numbers }
    }
    func bytes<Value>(_ value: Value) -> Int {
      var walk = HeapWalkState(elementsMeasured: .max)
      HeapMeasurement.add(value, to: &walk)
      return walk.bytes
    }
    #expect(bytes(Storage()) > 8000, "what nobody guards is storage of values")
    for counted in [
      bytes(Busy()), bytes(Locking()), bytes(Inheriting()), bytes([1: (Busy(), "a")]), bytes(Counting()),
      bytes(Generic(Array(0..<1000))),
    ] {
      #expect(counted > 800 && counted < 2000)
    }
    #expect(GuardedFields.isGuard("Mutex<Int>") && GuardedFields.isGuard("UnsafePointer<pthread_mutex_t>"))
    #expect(!GuardedFields.isGuard("Array<Clock>") && !GuardedFields.isGuard("Optional<Block>"))
  }

  @Test func aTypeMayKnowItsOwnSize() {
    struct Known: MemorySized, Sendable {
      let text = "whatever is in here is not looked at, for the type knows"
      var heapBytes: Int { 12_345 }
    }
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add([Known(), Known()], to: &walk)
    #expect(walk.bytes > 24_690 && walk.bytes < 24_800)
  }

  /// Types that are bits alone, as those are that hold an unsafe pointer: they say what is behind it wherever they stand.
  @Test func aTypeOfBitsMayKnowItsOwnSize() {
    struct Bitmap: MemorySized, Hashable, Sendable {
      let rows: Int
      var heapBytes: Int { rows * 1000 }
    }
    struct Page: Sendable {
      let number: Int
      let picture: Bitmap?
      let pair: (Int, Bitmap)
    }
    func heap<Value>(_ value: Value) -> Int {
      var walk = HeapWalkState(elementsMeasured: .max)
      HeapMeasurement.add(value, to: &walk)
      return walk.bytes
    }
    let bitmap = Bitmap(rows: 5)
    #expect(heap(bitmap) == 5000 && heap(Optional(bitmap)) == 5000 && heap(Bitmap?.none) == 0 && heap(7) == 0)
    #expect(heap(Page(number: 1, picture: bitmap, pair: (1, bitmap))) == 10_000)
    for bytes in [
      heap([bitmap, bitmap]), heap(Set([bitmap, Bitmap(rows: 5 + 0)])) + 5000, heap([1: bitmap, 2: bitmap]),
    ] {
      #expect(bytes > 10_000 && bytes < 10_300)
    }
    let cache = LocalCache<Int, Bitmap>(name: "bitmaps", limit: .bytes(100_000))
    for key in 0..<100 { cache.set(bitmap, for: key) }
    #expect(cache.count == 19 && cache.weight > 19 * 5000)
  }

  @Test func bytesBoundTheCache() {
    let cache = LocalCache<Int, String>(name: "bytes", limit: .bytes(.kibibytes(256)))
    for key in 0..<20_000 {
      cache.set(String(repeating: "y", count: key % 1000), for: key)
      #expect(cache.weight <= 256 * 1024)
    }
    #expect(cache.weight > 240 * 1024)
    #expect(!cache.set(String(repeating: "z", count: 300_000), for: 1))
    #expect(cache.set(String(repeating: "z", count: 200_000), for: 1))
  }
}
