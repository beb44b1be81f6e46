import Foundation

// Memory behind raw pointers: interior pointers, Unmanaged in C memory, handles passed as context.

struct Record {
  var next: UnsafeMutablePointer<Record>?
  var object: Unmanaged<Baggage>
  var number: Int32
}

enum Raw {
  nonisolated(unsafe) static var records: UnsafeMutablePointer<Record>?
  nonisolated(unsafe) static var interior: [UnsafeMutableRawPointer] = []
  nonisolated(unsafe) static var buffers: [UnsafeMutableBufferPointer<Baggage>] = []
  nonisolated(unsafe) static var opaque: [OpaquePointer] = []
  nonisolated(unsafe) static var spans: [UnsafeRawBufferPointer] = []
  nonisolated(unsafe) static var handle: UInt = 0
}

@inline(never) func holdRecord(_ number: Int) {
  let baggage = Baggage(number)
  guard let memory = malloc(MemoryLayout<Record>.size) else { return }
  let record = memory.assumingMemoryBound(to: Record.self)
  record.initialize(to: Record(next: Raw.records, object: .passRetained(baggage), number: 3))
  Raw.records = record
  Truth.add(UInt(bitPattern: record), .healthy, "C struct")
  Truth.add(baggage, .healthy, "Unmanaged in a C struct")
}

@inline(never) func holdInterior(_ number: Int) {
  guard let memory = malloc(4096), let small = malloc(200) else { return }
  memset(memory, 0, 4096)
  memset(small, 0, 200)
  // The only words that know the small block lie deep in the large one, of which only the middle is known.
  let slots = memory.assumingMemoryBound(to: UInt.self)
  slots[300] = UInt(bitPattern: small) + 64
  Raw.interior.append(memory + 1_000)
  Truth.add(UInt(bitPattern: memory), .healthy, "interior pointer")
  Truth.add(UInt(bitPattern: small), .healthy, "interior pointer")
}

@inline(never) func holdPointers(_ number: Int) {
  let objects = UnsafeMutableBufferPointer<Baggage>.allocate(capacity: 4)
  for index in 0..<4 {
    objects.initializeElement(at: index, to: Baggage(index))
    Truth.add(objects[index], .healthy, "UnsafeMutableBufferPointer")
  }
  Raw.buffers.append(objects)
  Truth.add(UInt(bitPattern: objects.baseAddress), .healthy, "UnsafeMutableBufferPointer")
  let baggage = Baggage(number)
  Raw.opaque.append(OpaquePointer(Unmanaged.passRetained(baggage).toOpaque()))
  Truth.add(baggage, .healthy, "OpaquePointer")
  let span = UnsafeMutableRawBufferPointer.allocate(byteCount: 300, alignment: 64)
  Raw.spans.append(UnsafeRawBufferPointer(rebasing: span[100..<200]))
  Truth.add(UInt(bitPattern: span.baseAddress), .healthy, "UnsafeRawBufferPointer")
}

/// A class with a block of its own, as collections written by hand have.
final class Ring {
  private var slots: UnsafeMutablePointer<Baggage>
  private var write: UnsafeMutablePointer<Baggage>
  init(_ count: Int) {
    slots = .allocate(capacity: count)
    write = slots
    for index in 0..<count {
      let baggage = Baggage(index)
      write.initialize(to: baggage)
      write += 1
      Truth.add(baggage, .healthy, "hand-written ring")
    }
    Truth.add(UInt(bitPattern: slots), .healthy, "hand-written ring")
  }
}

/// A pointer kept as a number in a global: the word is there, whatever its type says.
@inline(never) func holdHandle(_ number: Int) {
  let baggage = Baggage(number)
  Raw.handle = UInt(bitPattern: Unmanaged.passRetained(baggage).toOpaque())
  Truth.add(baggage, .healthy, "pointer as a number")
  Keep.forever(Ring(8))
}

/// The same in elements, where numbers are numbers: not found.
final class Context {
  var handles: [Int]
  init(_ number: Int) {
    let baggage = Baggage(number)
    handles = [Int(bitPattern: Unmanaged.passRetained(baggage).toOpaque())]
    Truth.add(baggage, .healthy, "pointer as a number in an array")
  }
}

@inline(never) func holdContext(_ number: Int) { Keep.forever(Context(number)) }

/// Blocks of every size class, so that bins, thread caches and mmapped chunks all appear, each next to freed ones.
@inline(never) func holdSizes(_ number: Int) {
  var blocks: [UnsafeMutableRawPointer] = []
  for size in [1, 24, 25, 40, 100, 1_032, 1_033, 4_096, 65_536, 140_000] {
    for index in 0..<6 {
      guard let block = malloc(size + number) else { continue }
      memset(block, 0x2A, size + number)
      if index % 3 == 0 { free(block) } else { blocks.append(block) }
    }
  }
  for block in blocks { Truth.add(UInt(bitPattern: block), .healthy, "plain blocks of many sizes") }
  Raw.interior += blocks
}

let healthyUnsafe: [Scenario] = [
  Scenario(name: "c-struct", isLeak: false, run: holdRecord),
  Scenario(name: "interior", isLeak: false, run: holdInterior),
  Scenario(name: "pointers", isLeak: false, run: holdPointers),
  Scenario(name: "handle", isLeak: false, weight: 0, run: holdHandle),
  Scenario(name: "sizes", isLeak: false, weight: 0.2, run: holdSizes),
  Scenario(name: "integer-context", isLeak: false, isExtra: true, run: holdContext),
]
