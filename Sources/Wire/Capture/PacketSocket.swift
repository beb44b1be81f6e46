import CLinux
import Glibc

/// Packets of one TCP port as the kernel sees them pass. Receives only; nothing is ever sent.
///
/// A filter in the kernel (classic BPF) lets through TCP from and to the port and nothing else, so that other traffic costs nothing.
public final class PacketSocket {
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)
  public private(set) var missed: UInt64 = 0

  /// - Parameter interface: its name, or `any`.
  public init(interface: String, port: UInt16) throws(WireError) {
    var index: UInt32 = 0
    if interface != "any" {
      index = if_nametoindex(interface)
      guard index > 0 else { throw .noInterface(interface) }
    }
    // Without a protocol nothing comes before the filter is there.
    descriptor = socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else {
      if errno == EPERM || errno == EACCES { throw .notPermitted }
      throw Self.failure("socket(AF_PACKET)")
    }
    do throws(WireError) {
      try attachFilter(port)
      var size: Int32 = 8 << 20
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
      var address = sockaddr_ll()
      address.sll_family = UInt16(AF_PACKET)
      // ETH_P_ALL, in network order.
      address.sll_protocol = UInt16(3).bigEndian
      address.sll_ifindex = Int32(index)
      let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_ll>.size))
        }
      }
      guard status == 0 else { throw Self.failure("bind(AF_PACKET)") }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  private static func failure(_ call: String) -> WireError {
    .systemCall(call, code: errno, message: String(cString: strerror(errno)))
  }

  private func attachFilter(_ port: UInt16) throws(WireError) {
    var program = Self.filter(port)
    let count = UInt16(program.count)
    let status = program.withUnsafeMutableBufferPointer { pointer -> Int32 in
      var filter = sock_fprog(len: count, filter: pointer.baseAddress)
      return setsockopt(
        descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, socklen_t(MemoryLayout<sock_fprog>.size))
    }
    guard status == 0 else { throw Self.failure("setsockopt(SO_ATTACH_FILTER)") }
  }

  /// Offsets count from the IP header: that is where packets begin in a datagram packet socket.
  private static func filter(_ port: UInt16) -> [sock_filter] {
    func step(_ code: UInt16, _ k: UInt32, yes: UInt8 = 0, no: UInt8 = 0) -> sock_filter {
      sock_filter(code: code, jt: yes, jf: no, k: k)
    }
    let (loadByte, loadHalf, loadIndexed, loadHeader): (UInt16, UInt16, UInt16, UInt16) = (0x30, 0x28, 0x48, 0xb1)
    let (and, equal, anyBit, end): (UInt16, UInt16, UInt16, UInt16) = (0x54, 0x15, 0x45, 0x06)
    let wanted = UInt32(port)
    // Jumps count from the next line; 19 rejects, 20 accepts.
    return [
      step(loadByte, 0),
      step(and, 0xf0),
      step(equal, 0x40, no: 9),
      // IPv4: TCP, first fragment, ports behind a header of any length.
      step(loadByte, 9),
      step(equal, 6, no: 14),
      step(loadHalf, 6),
      step(anyBit, 0x1fff, yes: 12),
      step(loadHeader, 0),
      step(loadIndexed, 0),
      step(equal, wanted, yes: 10),
      step(loadIndexed, 2),
      step(equal, wanted, yes: 8, no: 7),
      // IPv6 without extension headers.
      step(equal, 0x60, no: 6),
      step(loadByte, 6),
      step(equal, 6, no: 4),
      step(loadHalf, 40),
      step(equal, wanted, yes: 3),
      step(loadHalf, 42),
      step(equal, wanted, yes: 1),
      step(end, 0),
      step(end, 0x40000),
    ]
  }

  /// The next packet, from the IP header on; nil where none came in time.
  ///
  /// - Parameter milliseconds: how long to wait.
  public func receive(milliseconds: Int32) throws(WireError) -> (bytes: ArraySlice<UInt8>, time: UInt64)? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) > 0 else { return nil }
    var address = sockaddr_ll()
    var size = socklen_t(MemoryLayout<sockaddr_ll>.size)
    let count = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &size)
      }
    }
    if count < 0 {
      if errno == EAGAIN || errno == EINTR || errno == ENETDOWN { return nil }
      throw Self.failure("recvfrom(AF_PACKET)")
    }
    // On loopback every packet passes twice: out and in.
    if address.sll_hatype == Self.loopback && address.sll_pkttype == Self.outgoing { return nil }
    return (buffer[..<min(count, buffer.count)], stamp())
  }

  /// ARPHRD_LOOPBACK and PACKET_OUTGOING.
  private static let loopback: UInt16 = 772
  private static let outgoing: UInt8 = 4

  /// When the kernel got the packet that was received last.
  private func stamp() -> UInt64 {
    var time = timespec()
    // SIOCGSTAMPNS, sockios(7).
    if ioctl(descriptor, 0x8907, &time) != 0 { clock_gettime(CLOCK_REALTIME, &time) }
    return UInt64(max(time.tv_sec, 0)) * 1_000_000_000 + UInt64(max(time.tv_nsec, 0))
  }

  /// Adds up what the kernel had to drop since the last call.
  public func countMissed() {
    var statistics = tpacket_stats()
    var size = socklen_t(MemoryLayout<tpacket_stats>.size)
    // SOL_PACKET, PACKET_STATISTICS.
    if getsockopt(descriptor, 263, 6, &statistics, &size) == 0 { missed += UInt64(statistics.tp_drops) }
  }
}
