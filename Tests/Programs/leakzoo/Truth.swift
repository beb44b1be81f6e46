import Foundation
import Synchronization

/// What the program knows about one of its blocks.
enum Verdict: UInt8 {
  /// Nothing can reach it any more.
  case leaked = 1
  /// The program will use or free it.
  case healthy = 2
  /// A task that nothing can resume; the runtime's own blocks of it (slabs, contexts) are leaked with it but have no address here.
  case leakedTask = 3
}

/// The table of blocks that the program writes about itself: a shared file mapping of 64-byte records,
/// {address XOR `mask`: u64, verdict: u8, padding, kind: 48 bytes of ASCII}, ended by a record of verdict 0.
///
/// The addresses are masked, so that no word of the table looks like a pointer, and the mapping is shared with a file, so
/// that it is not even private memory.
enum Truth {
  static let mask: UInt = 0xA5A5_5A5A_C3C3_3C3C
  static let recordSize = 64
  static let capacity = 1 << 17
  nonisolated(unsafe) private static var base: UnsafeMutableRawPointer?
  private static let next = Atomic<Int>(0)

  static func open(_ path: String) {
    let file = Glibc.open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0, ftruncate(file, recordSize * capacity) == 0 else { fail("cannot write \(path)") }
    let map = mmap(nil, recordSize * capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    guard let map, map != MAP_FAILED else { fail("cannot map \(path)") }
    close(file)
    base = map
  }

  static var count: Int { next.load(ordering: .relaxed) }

  /// Not optimised, so that whatever is passed here counts as escaped and is never promoted to the stack.
  @inline(never) @_optimize(none)
  static func add(_ address: UInt, _ verdict: Verdict, _ kind: StaticString) {
    guard let base, address != 0 else { return }
    let slot = next.add(1, ordering: .relaxed).oldValue
    guard slot < capacity - 1 else { fail("the truth table is full") }
    let record = base + slot * recordSize
    memcpy(record + 16, kind.utf8Start, min(kind.utf8CodeUnitCount, recordSize - 17))
    record.storeBytes(of: address ^ mask, as: UInt.self)
    record.storeBytes(of: verdict.rawValue, toByteOffset: 8, as: UInt8.self)
  }

  @inline(never) @_optimize(none)
  static func add(_ object: AnyObject, _ verdict: Verdict, _ kind: StaticString) {
    add(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()), verdict, kind)
  }

  /// The object and the two blocks that hang on it.
  @inline(never) @_optimize(none)
  static func add(_ baggage: Baggage, _ verdict: Verdict, _ kind: StaticString) {
    add(baggage as AnyObject, verdict, kind)
    add(storage(baggage.bytes), verdict, kind)
    add(storage(baggage.label), verdict, kind)
  }

  /// A task and, by `verdict`, what became of it.
  @inline(never) @_optimize(none)
  static func add(_ task: Task<Void, Never>, _ verdict: Verdict, _ kind: StaticString) {
    add(word(task), verdict, kind)
  }

  /// Address of an array's buffer object; 0 for an empty one.
  @inline(never) @_optimize(none)
  static func storage<T>(_ array: [T]) -> UInt { word(array) }

  /// Address of a native string's buffer object; 0 for a small one.
  @inline(never) @_optimize(none)
  static func storage(_ string: String) -> UInt {
    string.utf8.count > 15 ? word(string, 1) & 0x00ff_ffff_ffff_fff8 : 0
  }

  /// The n-th word of a value, without the tag bits of an enum.
  @inline(never) @_optimize(none)
  static func word<T>(_ value: T, _ index: Int = 0) -> UInt {
    withUnsafeBytes(of: value) { $0.load(fromByteOffset: index * 8, as: UInt.self) } & 0x00ff_ffff_ffff_fff8
  }

  static func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("leakzoo: \(message)\n".utf8))
    exit(2)
  }
}

/// What every interesting object carries along: a class instance with an array and a long string.
final class Baggage: @unchecked Sendable {
  var bytes: [UInt8]
  var label: String

  init(_ number: Int) {
    bytes = [UInt8](repeating: 7, count: 64 + number % 100)
    label = "baggage number \(number), long enough to live on the heap"
  }
}

/// Never promoted to the stack or to a task's frame.
@inline(never) @_optimize(none)
func makeBaggage(_ number: Int) -> Baggage { Baggage(number) }

/// Overwrites the dead part of this thread's stack and its registers, so that stale words keep nothing.
@inline(never) @_optimize(none)
func scrub(_ depth: Int = 6) -> Int {
  var total = depth
  withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    for index in stride(from: 0, to: buffer.count, by: 512) { total += Int(buffer[index]) }
  }
  return depth > 0 ? total + scrub(depth - 1) : total
}

/// Waits until everything that was announced has come to rest.
enum Quiet {
  private static let expected = Atomic<Int>(0)
  private static let arrived = Atomic<Int>(0)

  static func expect(_ count: Int = 1) { expected.add(count, ordering: .relaxed) }
  static func arrive() { arrived.add(1, ordering: .relaxed) }

  static func wait() {
    for _ in 0..<3_000 {
      if arrived.load(ordering: .relaxed) >= expected.load(ordering: .relaxed) {
        // The last step from "about to suspend" to suspended has no event of its own.
        usleep(400_000)
        return
      }
      usleep(10_000)
    }
    Truth.fail("only \(arrived.load(ordering: .relaxed)) of \(expected.load(ordering: .relaxed)) came to rest")
  }
}

/// Everything that the program goes on using hangs here. Only the main thread adds to it.
enum Keep {
  nonisolated(unsafe) private static var objects: [AnyObject] = []
  static func forever(_ object: AnyObject) { objects.append(object) }
}
