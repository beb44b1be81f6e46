import Glibc

// What only the kernel knows, numbers that are addresses, C memory that looks like an object, and stacks that the program brought along.

/// Event data of an epoll instance is the only address of most C servers' connections.
@inline(never) func holdWatched(_ number: Int) {
  struct Connection {
    var descriptor: Int32
    var baggage: Unmanaged<Baggage>
  }
  let epoll = Outside.epoll
  let baggage = Baggage(number)
  let connection = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
  connection.initialize(to: Connection(descriptor: eventDescriptor(0, 0), baggage: .passRetained(baggage)))
  // `struct epoll_event` is packed: events u32, data u64.
  withUnsafeTemporaryAllocation(byteCount: 12, alignment: 4) { event in
    event.storeBytes(of: 1, as: UInt32.self)
    event.storeBytes(of: UInt(bitPattern: connection), toByteOffset: 4, as: UInt.self)
    let result = epollControl(epoll, 1, connection.pointee.descriptor, event.baseAddress)
    event.storeBytes(of: 0, toByteOffset: 4, as: UInt.self)
    guard result == 0 else { Truth.fail("epoll_ctl") }
  }
  Truth.add(UInt(bitPattern: connection), .healthy, "epoll event data")
  Truth.add(baggage, .healthy, "epoll event data")
}

/// A timer that signals hands its value back with the signal.
@inline(never) func holdSignalValue(_ number: Int) {
  let baggage = Baggage(number)
  var event = sigevent()
  event.sigev_notify = Int32(SIGEV_SIGNAL)
  event.sigev_signo = SIGUSR1
  event.sigev_value.sival_ptr = Unmanaged.passRetained(baggage).toOpaque()
  var timer: timer_t?
  guard timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 else { Truth.fail("timer_create") }
  event.sigev_value.sival_ptr = nil
  Truth.add(baggage, .healthy, "signal value of a timer")
}

/// `UInt(bitPattern:)` takes a pointer past the checks of concurrency.
final class Addressed {
  struct Handle { var raw: UInt }
  var handle: Handle
  var later: Int64?
  init(_ number: Int) {
    let (one, two) = (Baggage(number), Baggage(number))
    handle = Handle(raw: UInt(bitPattern: Unmanaged.passRetained(one).toOpaque()))
    later = Int64(Int(bitPattern: Unmanaged.passRetained(two).toOpaque()))
    Truth.add(one, .healthy, "pointer as a number in a field")
    Truth.add(two, .healthy, "pointer as a number in an optional field")
  }
}

@inline(never) func holdNumbers(_ number: Int) {
  Keep.forever(Addressed(number))
  let (baggage, beside) = (Baggage(number), Baggage(number))
  let address = UInt(bitPattern: Unmanaged.passRetained(baggage).toOpaque())
  Store.handlers.append(Handler { look(at: address) + look(at: beside) })
  Truth.add(baggage, .healthy, "pointer as a captured number")
}

/// C memory that begins with a metatype, as registries keyed by type are laid out: the size is that of an instance, too.
final class Empty {}

@inline(never) func holdRegistration(_ number: Int) {
  let payload = UnsafeMutableRawPointer.allocate(byteCount: 48, alignment: 8)
  let next = UnsafeMutableRawPointer.allocate(byteCount: 48, alignment: 8)
  let entry = UnsafeMutablePointer<(AnyClass, UnsafeMutableRawPointer, UnsafeMutableRawPointer)>.allocate(capacity: 1)
  entry.initialize(to: (Empty.self, payload, next))
  Raw.interior.append(UnsafeMutableRawPointer(entry))
  Truth.add(UInt(bitPattern: payload), .healthy, "C memory that begins with a metatype")
  Truth.add(UInt(bitPattern: next), .healthy, "C memory that begins with a metatype")
}

/// A buffer of a class of the program's own, with elements behind it that the class does not speak of, once referred to weakly.
final class OwnBuffer {}

@inline(never) func holdOwnBuffer(_ number: Int) {
  let pointer = ManagedBufferPointer<Int, Baggage>(bufferClass: OwnBuffer.self, minimumCapacity: 20) { _, _ in 20 }
  pointer.withUnsafeMutablePointerToElements { elements in
    for index in 0..<20 {
      (elements + index).initialize(to: Baggage(number))
      Truth.add(elements[index], .healthy, "buffer of a class of its own")
    }
  }
  Keep.forever(pointer.buffer)
  observeBriefly(pointer.buffer)
  let counts = unsafeBitCast(pointer.buffer, to: UnsafePointer<UInt>.self)[1]
  if counts >> 62 == 3 { Truth.add(counts << 3, .healthy, "side table of a buffer of its own") }
}

@inline(never) @_optimize(none) func observeBriefly(_ object: AnyObject) {
  weak let observer = object
  if observer == nil { Truth.fail("a living object has gone") }
}

/// A thread on memory of the program's own: of `malloc`, or mapped in one piece with something else below it.
@inline(never) func holdForeignStack(_ number: Int) {
  let size = 256 << 10
  let memory: UnsafeMutableRawPointer?
  if number % 2 == 0 {
    memory = aligned_alloc(4096, size)
  } else {
    let map = mmap(nil, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let baggage = Baggage(number)
    map?.storeBytes(
      of: Unmanaged.passRetained(baggage).toOpaque(), toByteOffset: 4096, as: UnsafeMutableRawPointer.self)
    Truth.add(baggage, .healthy, "memory below a stack of the program's own")
    memory = map.map { $0 + size }
  }
  guard let memory else { Truth.fail("no memory for a stack") }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstack(&attributes, memory, size)
  Quiet.expect()
  var thread = pthread_t()
  let result = pthread_create(
    &thread, &attributes,
    { _ in
      holdOnStack(3)
      return nil
    }, nil)
  guard result == 0 else { Truth.fail("pthread_create") }
}

enum Outside {
  static let epoll = epollCreate(0)
}

// Not in the module of the C library.
@_silgen_name("epoll_create1") func epollCreate(_ flags: Int32) -> Int32
@_silgen_name("epoll_ctl") func epollControl(
  _ epoll: Int32, _ operation: Int32, _ descriptor: Int32, _ event: UnsafeMutableRawPointer?
) -> Int32
@_silgen_name("eventfd") func eventDescriptor(_ value: UInt32, _ flags: Int32) -> Int32

let healthyOutside: [Scenario] = [
  Scenario(name: "epoll", isLeak: false, run: holdWatched),
  Scenario(name: "signal-value", isLeak: false, weight: 0.1, run: holdSignalValue),
  Scenario(name: "numbers", isLeak: false, run: holdNumbers),
  Scenario(name: "registration", isLeak: false, run: holdRegistration),
  Scenario(name: "own-buffer", isLeak: false, run: holdOwnBuffer),
  Scenario(name: "own-stack", isLeak: false, weight: 0.1, run: holdForeignStack),
]
