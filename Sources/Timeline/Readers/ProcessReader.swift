import Glibc
import ProcessImage

/// What `/proc/PID` says about one process, cheap files each time, dear ones as often as their price allows.
///
/// Which file says what: Documentation/filesystems/proc.rst of Linux 6.x, and proc_pid_stat(5).
public struct ProcessReader: Sendable {
  public let pid: Int32
  /// Clock ticks since boot at which the process began: tells it from a later one with its pid.
  public let startTicks: UInt64
  /// As it was at first: with another program in it (exec) it is another process in all but its number. While its program was still
  /// being started, or nobody was allowed to see where it is, the first that tells.
  public private(set) var first: ProcessStat
  /// What it is now, once `read` has met another program in it.
  public private(set) var successor: ProcessStat?
  private var mapPrice: PricedReading
  private var descriptorPrice: PricedReading
  private var connectionPrice: PricedReading
  private var census = DescriptorCensus()

  /// - Parameter share: part of one core that each of the three dear readings may take.
  /// - Throws: `ProcessImageError` where there is no such process.
  public init(pid: Int32, share: Double = 0.001) throws(ProcessImageError) {
    try Procfs.requireOwnNamespace()
    let stat = try Procfs.stat(of: pid)
    if stat.hasEnded { throw .zombie(pid: pid, name: stat.name, parent: stat.parent) }
    self.pid = pid
    startTicks = stat.startTime
    first = stat
    mapPrice = PricedReading(share: share)
    descriptorPrice = PricedReading(share: share)
    connectionPrice = PricedReading(share: share)
  }

  /// - Returns: false once the process has ended, another one with its pid included, or has started another program.
  public mutating func read(into sample: inout Sample, now: UInt64 = Clocks.monotonic) -> Bool {
    guard let stat = try? Procfs.stat(of: pid), stat.startTime == startTicks, let thread = stat.memoryThread else {
      return false
    }
    guard stat.isSameProgram(as: first) else {
      successor = stat
      return false
    }
    if first.place == nil { first = stat }
    sample[.threads] = Double(stat.threads)
    sample[.cpu] = Double(stat.processorTicks) / Clocks.ticksPerSecond
    sample[.minorFaults] = Double(stat.minorFaults)
    sample[.majorFaults] = Double(stat.majorFaults)
    if let status = try? Procfs.status(of: pid) {
      func bytes(_ key: String) -> Double? {
        status.fields[key].flatMap { Double($0.split(separator: " ").first ?? "") }.map { $0 * 1024 }
      }
      // On its way to its end it has given its memory back already: that is no level that it ever stood at.
      guard let resident = bytes("VmRSS") else { return false }
      sample[.rss] = resident
      sample[.anonymous] = bytes("RssAnon")
      sample[.file] = bytes("RssFile")
      sample[.shared] = bytes("RssShmem")
      sample[.swap] = bytes("VmSwap")
      sample[.pageTables] = bytes("VmPTE")
    }
    if let text = try? contents(of: "/proc/\(thread)/io", limit: 1 << 16) {
      let fields = KeyedNumbers(text)
      sample[.ioRead] = fields["rchar"]
      sample[.ioWritten] = fields["wchar"]
      sample[.storageRead] = fields["read_bytes"]
      sample[.storageWritten] = fields["write_bytes"]
    }
    readDear(of: thread, into: &sample, now: now)
    return true
  }

  /// - Parameter pid: the process, or the thread that has its files.
  private mutating func readDear(of pid: Int32, into sample: inout Sample, now: UInt64) {
    mapPrice.run(now: now) {
      guard let text = try? contents(of: "/proc/\(pid)/smaps_rollup", limit: 1 << 16) else { return }
      sample[.pss] = KeyedNumbers(text)["Pss"].map { $0 * 1024 }
    }
    // From Linux 6.2 the size of the folder is the number of descriptors: no listing.
    sample[.descriptors] = DescriptorCensus.count(of: pid)
    var census = census
    descriptorPrice.run(now: now) { census = DescriptorCensus(of: pid, keeping: census) }
    connectionPrice.run(now: now) { census.readConnections(of: pid) }
    self.census = census
    census.write(into: &sample)
  }
}

/// Lines of `key: number` or `key number`, as most files of `/proc` and the control groups have them.
struct KeyedNumbers: Sendable {
  private var values: [Substring: Double] = [:]

  init(_ bytes: [UInt8]) { self.init(String(decoding: bytes, as: UTF8.self)) }

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" || $0 == ":" }
      guard words.count >= 2, let value = Double(words[1]), value.isFinite else { continue }
      values[words[0]] = value
    }
  }

  subscript(key: String) -> Double? { values[key[...]] }
}
