import Foundation
import TestSupport
import Testing

@testable import SamplerTable

/// What `memwhy run` writes into a table that the sampled process may have written over.
@Suite struct TableWriterTests {
  private typealias At = TableLayout.Header
  private static let size = 1 << 20
  private static let points = 8192
  private static let threads = 4096

  /// A file with a header, and what is put into it.
  private final class TableOnDisk {
    let path = NSTemporaryDirectory() + "memwhy-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).table"
    let descriptor: Int32

    init() throws {
      descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
      try #require(descriptor >= 0 && ftruncate(descriptor, off_t(TableWriterTests.size)) == 0)
      put(TableLayout.magic, at: At.magic)
      put(UInt64(TableWriterTests.points), at: At.points)
      put(4, at: At.points + 8)
      put(UInt64(TableWriterTests.threads), at: At.threads)
      put(8, at: At.threads + 8)
    }

    deinit {
      close(descriptor)
      unlink(path)
    }

    func put(_ value: UInt64, at place: Int) {
      var value = value.littleEndian
      pwrite(descriptor, &value, 8, off_t(place))
    }

    func word(_ place: Int) -> UInt64 {
      var value: UInt64 = 0
      pread(descriptor, &value, 8, off_t(place))
      return UInt64(littleEndian: value)
    }

    func text(_ place: Int, _ count: Int) -> String {
      var bytes = [UInt8](repeating: 0, count: count)
      pread(descriptor, &bytes, count, off_t(place))
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    var bytes: Int {
      var status = stat()
      return fstat(descriptor, &status) == 0 ? Int(status.st_size) : -1
    }
  }

  private static let point = SamplerTable.Point(
    realtime: 1, monotonic: 2, rss: 3, limit: nil, groupUsage: nil, swap: nil, anonymous: nil, threads: 1)

  @Test func theOldestPointMakesRoom() throws {
    let table = try TableOnDisk()
    var writer = TableWriter(descriptor: table.descriptor)
    for _ in 0..<5 { writer.append(Self.point) }
    #expect((0..<4).map { table.word(Self.points + $0 * TableLayout.Point.size) } == [5, 2, 3, 4])
    #expect(table.word(At.pointsUsed) == 5)
    #expect(table.word(Self.points + TableLayout.Point.rss) == 3)
    #expect(table.word(Self.points + TableLayout.Point.limit) == .max)
  }

  /// Places beyond the file, over its header, and such as no number of this machine can be.
  @Test(arguments: [0, 8, 1 << 20, 1 << 40, UInt64(Int.max) - 7, .max])
  func nothingIsWrittenWhereTheHeaderWasWrittenOver(offset: UInt64) throws {
    let table = try TableOnDisk()
    table.put(offset, at: At.points)
    table.put(offset, at: At.threads)
    table.put(2, at: At.threadsUsed)
    let header = table.text(0, TableLayout.Header.size)
    var writer = TableWriter(descriptor: table.descriptor)
    writer.append(Self.point)
    writer.nameThreads(of: getpid())
    #expect(table.bytes == Self.size)
    #expect(table.text(0, TableLayout.Header.size) == header && table.word(At.pointsUsed) == 0)
  }

  @Test(arguments: [0, 1 << 20, .max]) func noRecordIsWrittenBehindTheLastOne(count: UInt64) throws {
    let table = try TableOnDisk()
    table.put(count, at: At.points + 8)
    table.put(count, at: At.threads + 8)
    table.put(.max, at: At.threadsUsed)
    var writer = TableWriter(descriptor: table.descriptor)
    writer.append(Self.point)
    writer.nameThreads(of: getpid())
    #expect(table.bytes == Self.size && table.word(At.pointsUsed) == 0)
  }

  /// A thread takes a place in the table before it writes its id there.
  @Test func aThreadIsNamedOnceItsIdIsThere() throws {
    let table = try TableOnDisk()
    var writer = TableWriter(descriptor: table.descriptor)
    let place = Self.threads + TableLayout.Thread.size
    table.put(2, at: At.threadsUsed)
    writer.nameThreads(of: getpid())
    #expect(table.text(place + TableLayout.Thread.name, TableLayout.Thread.nameSize).isEmpty)
    table.put(UInt64(getpid()), at: place)
    writer.nameThreads(of: getpid())
    #expect(!table.text(place + TableLayout.Thread.name, TableLayout.Thread.nameSize).isEmpty)
  }
}
