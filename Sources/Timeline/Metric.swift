/// Everything that a sample can hold: one row a quantity. The raw value is its column in a sample; the name its column in the history.
///
/// Gauges are levels at an instant. Counters only rise while a process lives and start again with it.
public enum Metric: Int, CaseIterable, Sendable, Hashable {
  // Of the process. /proc/PID/status, smaps_rollup, stat, io.
  case rss, pss, anonymous, file, shared, swap, pageTables
  case threads, cpu, minorFaults, majorFaults
  case storageRead, storageWritten, ioRead, ioWritten
  // Descriptors by what they lead to.
  case descriptors, openFiles, sockets, pipes, otherDescriptors
  // TCP connections by state, and what waits in their queues.
  case tcpEstablished, tcpListening, tcpCloseWait, tcpOther, tcpQueued
  // Of the control group.
  case groupUsage, groupLimit, groupWorkingSet, groupAnonymous, groupFile, groupInactiveFile, groupShared
  case groupPeak, groupSwap, groupSwapLimit, groupHigh
  case groupKernel, groupSocket, groupPressure, groupStalls, groupLimitHits, groupKills, groupProcesses
  // From snapshots of the heap.
  case heapLive, heapFree, heapTop, heapArenas, heapBlocks, tasks, pause
  // What the service does.
  case load

  public enum Kind: Sendable, Hashable { case gauge, counter }
  public enum Unit: String, Sendable, Hashable, Codable { case bytes, count, seconds }

  /// Column of the history, key of JSON; stable.
  public var name: String { row.name }
  public var kind: Kind { row.kind }
  public var unit: Unit { row.unit }
  /// One clause for help texts and pages.
  public var meaning: String { row.meaning }

  /// Folded by the highest value, and not by the mean: a limit, or what only rises.
  var keepsHighest: Bool {
    switch self {
    case .groupLimit, .groupSwapLimit, .groupHigh, .groupPeak: true
    default: kind == .counter
    }
  }

  struct Row {
    var name: String
    var kind: Kind
    var unit: Unit
    var meaning: String
  }

  private var row: Row { Self.rows[rawValue] }

  static let rows: [Row] = allCases.map { metric in
    func row(_ name: String, _ kind: Kind, _ unit: Unit, _ meaning: String) -> Row {
      Row(name: name, kind: kind, unit: unit, meaning: meaning)
    }
    return switch metric {
    case .rss: row("rss", .gauge, .bytes, "resident memory")
    case .pss: row("pss", .gauge, .bytes, "resident memory, shared pages divided among their users")
    case .anonymous: row("anonymous", .gauge, .bytes, "resident anonymous memory: heap, stacks, data")
    case .file: row("file", .gauge, .bytes, "resident pages of mapped files")
    case .shared: row("shared", .gauge, .bytes, "resident shared memory and tmpfs mappings")
    case .swap: row("swap", .gauge, .bytes, "memory in swap")
    case .pageTables: row("page_tables", .gauge, .bytes, "page tables of the process, in the kernel")
    case .threads: row("threads", .gauge, .count, "threads")
    case .cpu: row("cpu", .counter, .seconds, "processor time, user and system")
    case .minorFaults: row("minor_faults", .counter, .count, "page faults without I/O")
    case .majorFaults: row("major_faults", .counter, .count, "page faults with I/O")
    case .storageRead: row("storage_read", .counter, .bytes, "bytes fetched from storage")
    case .storageWritten: row("storage_written", .counter, .bytes, "bytes sent to storage")
    case .ioRead: row("io_read", .counter, .bytes, "bytes that read calls returned, sockets included")
    case .ioWritten: row("io_written", .counter, .bytes, "bytes that write calls took, sockets included")
    case .descriptors: row("descriptors", .gauge, .count, "open descriptors")
    case .openFiles: row("open_files", .gauge, .count, "descriptors of files and folders")
    case .sockets: row("sockets", .gauge, .count, "descriptors of sockets")
    case .pipes: row("pipes", .gauge, .count, "descriptors of pipes")
    case .otherDescriptors: row("other_descriptors", .gauge, .count, "epoll, eventfd, timerfd, pidfd and the like")
    case .tcpEstablished: row("tcp_established", .gauge, .count, "TCP connections that are up")
    case .tcpListening: row("tcp_listening", .gauge, .count, "listening TCP sockets")
    case .tcpCloseWait: row("tcp_close_wait", .gauge, .count, "TCP connections that the peer closed and we did not")
    case .tcpOther: row("tcp_other", .gauge, .count, "TCP connections in any other state")
    case .tcpQueued: row("tcp_queued", .gauge, .bytes, "bytes in the queues of TCP connections")
    case .groupUsage: row("group_usage", .gauge, .bytes, "all memory charged to the control group")
    case .groupLimit:
      row("group_limit", .gauge, .bytes, "the tightest limit above the process, less what others below it hold")
    case .groupWorkingSet: row("group_working_set", .gauge, .bytes, "usage without inactive file pages")
    case .groupAnonymous: row("group_anonymous", .gauge, .bytes, "anonymous memory of all its processes")
    case .groupFile: row("group_file", .gauge, .bytes, "page cache, shared memory included")
    case .groupInactiveFile: row("group_inactive_file", .gauge, .bytes, "page cache that is given back first")
    case .groupShared: row("group_shared", .gauge, .bytes, "shared memory and tmpfs")
    case .groupPeak:
      row("group_peak", .gauge, .bytes, "most that was ever charged to the control group, page cache included")
    case .groupSwap: row("group_swap", .gauge, .bytes, "memory of the control group in swap")
    case .groupSwapLimit:
      row("group_swap_limit", .gauge, .bytes, "what the control group may have in swap; absent for no limit")
    case .groupHigh:
      row("group_high", .gauge, .bytes, "from where on the kernel slows allocation down; absent for no such limit")
    case .groupKernel: row("group_kernel", .gauge, .bytes, "kernel memory: stacks, page tables, slabs")
    case .groupSocket: row("group_socket", .gauge, .bytes, "network buffers")
    case .groupPressure: row("group_pressure", .counter, .seconds, "time in which a task waited for memory")
    case .groupStalls: row("group_stalls", .counter, .seconds, "time in which all tasks waited for memory")
    case .groupLimitHits: row("group_limit_hits", .counter, .count, "times that usage was about to pass the limit")
    case .groupKills: row("group_kills", .counter, .count, "processes killed for lack of memory")
    case .groupProcesses: row("group_processes", .gauge, .count, "processes in the control group")
    case .heapLive: row("heap_live", .gauge, .bytes, "live malloc blocks")
    case .heapFree: row("heap_free", .gauge, .bytes, "free memory that the allocator keeps between blocks")
    case .heapTop: row("heap_top", .gauge, .bytes, "free memory at the ends of arenas")
    case .heapArenas: row("heap_arenas", .gauge, .count, "malloc arenas")
    case .heapBlocks: row("heap_blocks", .gauge, .count, "live malloc blocks")
    case .tasks: row("tasks", .gauge, .count, "Swift tasks")
    case .pause: row("pause", .gauge, .seconds, "what the snapshot stopped the process for")
    case .load: row("load", .counter, .count, "the service's own count of work")
    }
  }
}
