import Glibc
import ProcessImage

/// What a process's descriptors lead to, and in which state its TCP connections are.
struct DescriptorCensus: Sendable, Hashable {
  var files, pipes, other: Double?
  private(set) var socketInodes: Set<UInt64>?
  private var states: [UInt8: Double]?
  private var queued: Double?

  init() {}

  /// Follows every link of `/proc/PID/fd`. O(descriptors), about 2 µs each.
  ///
  /// - Parameter previous: its connections count until they are read again.
  init(of pid: Int32, keeping previous: DescriptorCensus = DescriptorCensus()) {
    (states, queued) = (previous.states, previous.queued)
    guard let names = try? folderEntries("/proc/\(pid)/fd") else { return }
    (files, pipes, other) = (0, 0, 0)
    var inodes: Set<UInt64> = []
    for name in names {
      guard let target = linkTarget("/proc/\(pid)/fd/\(name)") else { continue }
      add(target, &inodes)
    }
    socketInodes = inodes
  }

  private mutating func add(_ target: String, _ inodes: inout Set<UInt64>) {
    if target.hasPrefix("/") {
      files = (files ?? 0) + 1
    } else if target.hasPrefix("socket:[") {
      if let inode = UInt64(target.dropFirst(8).dropLast()) { inodes.insert(inode) }
    } else if target.hasPrefix("pipe:[") {
      pipes = (pipes ?? 0) + 1
    } else {
      other = (other ?? 0) + 1
    }
  }

  /// The number of descriptors: the folder's size from Linux 6.2 on, a listing before.
  static func count(of pid: Int32) -> Double? {
    var status = stat()
    guard stat("/proc/\(pid)/fd", &status) == 0 else { return nil }
    if status.st_size > 0 { return Double(status.st_size) }
    return (try? folderEntries("/proc/\(pid)/fd")).map { Double($0.count) }
  }

  /// The connections among the process's sockets, from the tables of its network namespace.
  mutating func readConnections(of pid: Int32) {
    guard let inodes = socketInodes, !inodes.isEmpty else {
      (states, queued) = (socketInodes == nil ? nil : [:], socketInodes == nil ? nil : 0)
      return
    }
    var tally = ConnectionTally(inodes: inodes)
    var isKnown = false
    for file in ["tcp", "tcp6"] {
      guard let bytes = try? contents(of: "/proc/\(pid)/net/\(file)", limit: 64 << 20) else { continue }
      isKnown = true
      tally.add(bytes)
    }
    guard isKnown else { return }
    (states, queued) = (tally.states, tally.queued)
  }

  func write(into sample: inout Sample) {
    sample[.openFiles] = files
    sample[.pipes] = pipes
    sample[.otherDescriptors] = other
    sample[.sockets] = socketInodes.map { Double($0.count) }
    guard let states else { return }
    // include/net/tcp_states.h
    sample[.tcpEstablished] = states[1] ?? 0
    sample[.tcpListening] = states[10] ?? 0
    sample[.tcpCloseWait] = states[8] ?? 0
    sample[.tcpOther] = states.reduce(0) { [1, 8, 10].contains($1.key) ? $0 : $0 + $1.value }
    sample[.tcpQueued] = queued
  }
}

/// Counts lines of `/proc/net/tcp` whose socket is one of ours (Documentation/networking/proc_net_tcp.rst).
struct ConnectionTally {
  let inodes: Set<UInt64>
  private(set) var states: [UInt8: Double] = [:]
  private(set) var queued: Double = 0

  init(inodes: Set<UInt64>) { self.inodes = inodes }

  /// Fields: slot, local, remote, state, tx:rx, timer, retransmits, uid, timeout, inode. By bytes: there are thousands of lines.
  mutating func add(_ bytes: [UInt8]) {
    var fields: [Range<Int>] = []
    fields.reserveCapacity(20)
    var start = 0
    var isFirst = true
    while start < bytes.count {
      var end = start
      fields.removeAll(keepingCapacity: true)
      var word = -1
      while end < bytes.count, bytes[end] != 10 {
        if bytes[end] == 32 {
          if word >= 0, fields.count < 10 { fields.append(word..<end) }
          word = -1
        } else if word < 0 {
          word = end
        }
        end += 1
      }
      if word >= 0, fields.count < 10 { fields.append(word..<end) }
      if !isFirst { count(fields, bytes) }
      isFirst = false
      start = end + 1
    }
  }

  private mutating func count(_ fields: [Range<Int>], _ bytes: [UInt8]) {
    guard fields.count == 10, let inode = number(bytes[fields[9]], radix: 10), inodes.contains(inode),
      let state = number(bytes[fields[3]], radix: 16), state < 256
    else { return }
    states[UInt8(state), default: 0] += 1
    let queues = bytes[fields[4]].split(separator: UInt8(ascii: ":"))
    // A listening socket's "queue" is its backlog, not bytes.
    guard state != 10, queues.count == 2 else { return }
    queued += Double(number(queues[0], radix: 16) ?? 0) + Double(number(queues[1], radix: 16) ?? 0)
  }

  private func number(_ digits: ArraySlice<UInt8>, radix: UInt64) -> UInt64? {
    guard !digits.isEmpty, digits.count <= 20 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      let amount: UInt64
      switch digit {
      case 48...57: amount = UInt64(digit - 48)
      case 65...70 where radix == 16: amount = UInt64(digit - 55)
      case 97...102 where radix == 16: amount = UInt64(digit - 87)
      default: return nil
      }
      let (product, overflow) = value.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(amount)
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }
}
