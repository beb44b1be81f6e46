import Glibc
import Measurement
import ProcessImage

/// What `memwhy run` writes into the table of the process that it started: the time series, names of threads, how the process ended.
///
/// It writes with pwrite(2), which shows at once in the process's mapping; nobody else writes these parts. The process may have written over its
/// table, as over any of its memory: places in it are checked each time, and nothing is ever written outside of the file.
public struct TableWriter: Sendable {
  let descriptor: Int32
  private var next: UInt64 = 0
  /// Index of the first thread that has no name yet; 0 stands for all threads without a place.
  private var firstUnnamed = 1

  /// - Parameter descriptor: of the table's file, open for writing; the caller closes it.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether the process has begun to use the table.
  public var isInUse: Bool { word(TableLayout.Header.magic) == TableLayout.magic }

  /// Path of the executable that uses the table; nil while none does, and where it may have been cut.
  public var program: String? {
    var bytes = [UInt8](repeating: 0, count: TableLayout.Header.programSize)
    let count = pread(descriptor, &bytes, bytes.count, off_t(TableLayout.Header.program))
    let text = bytes.prefix(max(count, 0)).prefix { $0 != 0 }
    return text.isEmpty || text.count >= bytes.count - 1 ? nil : String(decoding: text, as: UTF8.self)
  }

  /// The flag that says that the program brings its own malloc.
  public var isNotCalled: Bool { word(TableLayout.Header.flags) & SamplerTable.Flags.notCalled.rawValue != 0 }

  /// Adds a point, with the table's own counters of this moment.
  public mutating func append(_ point: SamplerTable.Point) {
    typealias At = TableLayout.Point
    guard let area = area(TableLayout.Header.points, record: At.size, most: At.most) else { return }
    let place = area.offset + Int(next % UInt64(area.count)) * At.size
    var record = [UInt8](repeating: 0, count: At.size)
    func put(_ at: Int, _ value: UInt64?) {
      withUnsafeBytes(of: (value ?? At.unknown).littleEndian) { bytes in
        for (index, byte) in bytes.enumerated() { record[at + index] = byte }
      }
    }
    put(At.realtime, point.realtime)
    put(At.monotonic, point.monotonic)
    put(At.rss, point.rss)
    put(At.limit, point.limit)
    put(At.groupUsage, point.groupUsage)
    put(At.swap, point.swap)
    put(At.anonymous, point.anonymous)
    put(At.threads, point.threads)
    put(At.allocatedBytes, word(TableLayout.Header.allocatedBytes))
    put(At.freedBytes, word(TableLayout.Header.freedBytes))
    put(At.samples, word(TableLayout.Header.samples))
    put(At.liveBlocks, word(TableLayout.Header.liveBlocks))
    put(At.interval, word(TableLayout.Header.interval))
    // The number comes last: 0 while the rest is not whole.
    write(place, [UInt8](repeating: 0, count: 8))
    write(place + 8, Array(record.dropFirst(8)))
    next += 1
    write(place, next)
    write(TableLayout.Header.pointsUsed, next)
  }

  /// Writes the names of threads that are new in the table.
  public mutating func nameThreads(of pid: Int32) {
    typealias At = TableLayout.Thread
    guard let area = area(TableLayout.Header.threads, record: At.size, most: At.most) else { return }
    let count = min(Int(clamping: word(TableLayout.Header.threadsUsed)), area.count)
    while firstUnnamed < count {
      let place = area.offset + firstUnnamed * At.size
      let id = Int32(truncatingIfNeeded: word(place + At.id))
      // A thread takes its place first and then writes its id there: the next time.
      if id == 0 { return }
      firstUnnamed += 1
      guard id > 0 else { continue }
      let name = Array(Procfs.name(of: pid, thread: id).utf8.prefix(At.nameSize - 1))
      write(place + At.name, name + [UInt8](repeating: 0, count: At.nameSize - name.count))
    }
  }

  /// - Parameter status: as wait(2) gives it.
  public func setExitStatus(_ status: Int32) {
    write(TableLayout.Header.exitStatus, UInt64(UInt32(bitPattern: status)) + 1)
  }

  /// Processes of the control group that the kernel has ended for lack of memory since the start.
  public func setGroupKills(_ count: UInt64) { write(TableLayout.Header.groupKills, count &+ 1) }

  /// The process has started another program, which does not have the table: nobody else writes the flags any more.
  public func setReplaced() {
    write(TableLayout.Header.flags, word(TableLayout.Header.flags) | SamplerTable.Flags.replaced.rawValue)
  }

  /// Bytes between two samples; the process follows at each thread's next sample.
  public func setInterval(_ interval: UInt64) {
    let bounds = SamplerSettings.intervals
    write(
      TableLayout.Header.interval, min(max(interval, bounds.lowerBound.bytes), bounds.upperBound.bytes))
  }

  /// Where the records at this place of the header are; nil before the process uses the table, and where the header makes no sense.
  private func area(_ at: Int, record: Int, most: Int) -> TableReader.Areas.Area? {
    var status = stat()
    guard isInUse, fstat(descriptor, &status) == 0 else { return nil }
    return TableReader.Areas.Area(
      offset: word(at), count: word(at + 8), record: record, most: most, size: Int(clamping: status.st_size))
  }

  private func word(_ at: Int) -> UInt64 {
    var value: UInt64 = 0
    return pread(descriptor, &value, 8, off_t(at)) == 8 ? UInt64(littleEndian: value) : 0
  }

  private func write(_ at: Int, _ value: UInt64) {
    var value = value.littleEndian
    _ = pwrite(descriptor, &value, 8, off_t(at))
  }

  private func write(_ at: Int, _ bytes: [UInt8]) { _ = pwrite(descriptor, bytes, bytes.count, off_t(at)) }
}
