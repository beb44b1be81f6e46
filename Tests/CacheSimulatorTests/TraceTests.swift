import Foundation
import TestSupport
import Testing

@testable import CacheSimulator

/// Traces as they are published, and as they come out of a damaged disk.
@Suite struct TraceTests {
  private func words<Word: FixedWidthInteger>(_ numbers: [Word]) -> Data {
    numbers.reduce(into: Data()) { data, number in withUnsafeBytes(of: number.bigEndian) { data.append(contentsOf: $0) }
    }
  }

  private func guess(_ text: String, _ name: String = "trace") -> TraceFormat {
    .guess(Data(text.utf8), name: name)
  }

  @Test func theFormatFollowsFromTheContents() {
    #expect(guess("230027 8 0 0\n1842745 64 0 1\n") == .arc)
    #expect(guess("12\n15\n12\n", "postgres.trace") == .lirs)
    #expect(guess("* a remark 2\n12\r\n15\r\n") == .lirs)
    #expect(guess("") == .lirs)
    #expect(TraceFormat.guess(words([0, 1, 2, 3, 1, 7] as [UInt32]), name: "trace") == .cache2k)
    #expect(TraceFormat.guess(words([1, 2, 3] as [UInt32]), name: "trace") == .cache2k)
    #expect(TraceFormat.guess(words([0x391C_8EE0_C575_42C7, 0x0548_DD3A_BF6E_3FCC] as [UInt64]), name: "x") == .corda)
    // Small numbers, in a file that may have been cut.
    let small = words([7, 1, 300, 70_000, 1, 0] as [UInt64])
    #expect(TraceFormat.guess(small, name: "trace") == .corda)
    #expect(TraceFormat.guess(small.dropLast(3), name: "trace") == .corda)
    #expect(TraceFormat.guess(words([UInt32](repeating: 0, count: 16)), name: "trace") == .cache2k)
  }

  @Test func aFolderIsNoTrace() {
    let error = #expect(throws: SimulatorError.self) {
      try Trace.load(NSTemporaryDirectory(), format: nil) { _ in }
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("it is a folder"))
  }

  @Test func everyFormatIsRead() {
    #expect(TraceFormat.arc.parse(Data("10 3 0 0\n7 1 0 1".utf8)).keys == [10, 11, 12, 7])
    #expect(TraceFormat.lirs.parse(Data("5\n\n6\r\n5".utf8)).keys == [5, 6, 5])
    #expect(TraceFormat.corda.parse(words([1, .max] as [UInt64])).keys == [1, .max])
    #expect(TraceFormat.cache2k.parse(words([1, 5] as [UInt32])).keys == [1, 5])
  }

  @Test func whatIsDamagedIsLeftOutAndCounted() {
    let lines = TraceFormat.lirs.parse(Data("1\nx2\n6 # no remark\n# remark\n* 4\n99999999999999999999999\n-3\n5".utf8))
    #expect(lines.keys == [1, 5] && lines.damaged == 4)
    let arc = TraceFormat.arc.parse(Data("1 2 0 0\n5\n1 99999999 0 0\n8 1 0 0\n".utf8))
    #expect(arc.keys == [1, 2, 8] && arc.damaged == 2)
    let torn = TraceFormat.corda.parse(words([7] as [UInt64]) + Data([1, 2, 3]))
    #expect(torn.keys == [7] && torn.damaged == 3)
  }

  /// Text as systems and programs write it: with a mark before it, with any end of line, in two bytes a character, with remarks in any language.
  @Test func textOfAnySystem() throws {
    let folder = try makeTemporaryFolder("traces")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func load(_ data: Data) throws -> (keys: [Int32], warnings: [String]) {
      let path = folder + "/trace"
      try data.write(to: URL(fileURLWithPath: path))
      var warnings: [String] = []
      return (try Trace.load(path, format: nil) { warnings.append($0) }.keys, warnings)
    }
    let text = "# Größe der Blöcke\n12\n15\n\n12\n"
    let mark = Data([0xEF, 0xBB, 0xBF])
    for end in ["\n", "\r\n", "\r"] {
      let lines = Data(text.replacingOccurrences(of: "\n", with: end).utf8)
      for data in [lines, mark + lines] {
        let trace = try load(data)
        #expect(trace.keys == [0, 1, 0] && trace.warnings.isEmpty, "\(trace)")
      }
      let arc = try load(mark + Data("7 2 0 0\(end)7 1 0 1\(end)".utf8))
      #expect(arc.keys == [0, 1, 0] && arc.warnings.isEmpty, "\(arc)")
    }
    let plain = "12\r\n15\r\n12\r\n"
    for mark: [UInt8] in [[0xFF, 0xFE], [0xFE, 0xFF]] {
      let units = plain.utf16.flatMap { mark[0] == 0xFF ? [UInt8($0), 0] : [0, UInt8($0)] }
      let trace = try load(Data(mark + units))
      #expect(trace.keys == [0, 1, 0] && trace.warnings.isEmpty, "\(trace)")
    }
    // Words that begin like such a mark are words.
    let words = words([0xFFFE_8EE0_C575_42C7, 0x0548_DD3A_BF6E_3FCC] as [UInt64])
    #expect(try load(words).keys == [0, 1])
  }

  /// What a file is packed with follows from its bytes, and nothing is unpacked without end.
  @Test func packedFilesAreKnownByTheirBytes() throws {
    let folder = try makeTemporaryFolder("traces")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let plain = folder + "/plain.gz"
    try "1\n2\n1\n".write(toFile: plain, atomically: true, encoding: .utf8)
    #expect(try Trace.load(plain, format: nil) { _ in }.keys == [0, 1, 0])
    let packed = try Command.run("/bin/sh", ["-c", "cd \(folder) && gzip -c plain.gz > packed && cp packed ./-v"])
    #expect(packed.status == 0)
    for name in ["packed", "-v"] {
      #expect(try Trace.load(folder + "/" + name, format: nil) { _ in }.keys == [0, 1, 0])
    }
    let garbage = try Data(contentsOf: URL(fileURLWithPath: folder + "/packed")) + Data(repeating: 7, count: 100)
    try garbage.write(to: URL(fileURLWithPath: folder + "/garbage"))
    #expect(try Trace.load(folder + "/garbage", format: nil) { _ in }.keys == [0, 1, 0])
    let bomb = try Command.run("/bin/sh", ["-c", "head -c 20000000 /dev/zero | gzip -1 > \(folder)/bomb"])
    #expect(bomb.status == 0)
    let file = try TraceFile(folder + "/bomb", most: 1 << 20)
    #expect(file.data.count == 1 << 20 && file.isCut)
    let whole = try TraceFile(plain, most: 6)
    #expect(whole.data.count == 6 && !whole.isCut)
    let cut = try TraceFile(plain, most: 5)
    #expect(cut.data.count == 5 && cut.isCut)
  }

  /// No bytes make a reader trap or take more than a few times their size, except for lines that say so.
  @Test func noBytesMakeAReaderTrap() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let count = Int.random(in: 0...600, using: &random)
      let pool: [UInt8] = Bool.random(using: &random) ? Array("0123456789 \t\n*#-x".utf8) : Array(0...255)
      let data = Data((0..<count).map { _ in pool.randomElement(using: &random) ?? 0 })
      _ = TraceFormat.guess(data, name: "any")
      for format in [TraceFormat.lirs, .corda, .cache2k] { #expect(format.parse(data).keys.count <= count + 1) }
    }
  }
}
