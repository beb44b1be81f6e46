import Measurement
import Testing

struct ByteCountTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (13_002_342, "12.4 MiB"),
      (1 << 30, "1.0 GiB"), (1023 << 10, "1,023.0 KiB"), (2_545_942_528, "2.4 GiB"), (.max, "16.0 EiB"),
    ] as [(UInt64, String)])
  func prints(bytes: UInt64, text: String) {
    #expect(ByteCount(bytes).description == text)
  }

  @Test(
    arguments: [
      ("64MiB", 64 << 20), ("64 mib", 64 << 20), ("1.5G", 3 << 29), ("4096", 4096), ("12 B", 12), ("10kB", 10_000),
      ("2GB", 2_000_000_000), ("1,024K", 1 << 20), (" 1T ", 1 << 40), ("0.5k", 512), ("1.9999999999", 1),
      ("18446744073709551615", .max), ("15E", 15 << 60),
    ] as [(String, UInt64)])
  func reads(text: String, bytes: UInt64) throws {
    #expect(try ByteCount(parsing: text).bytes == bytes)
  }

  @Test(arguments: [
    "", " ", "MiB", "-1", "1.2.3", "1,02,4", "12Q", "1 2", "0x10", "1.", ".5.", "18446744073709551616", "16E", "1e3",
    "٣MiB",
    "1MiBs",
  ])
  func refuses(text: String) {
    #expect(throws: MeasurementError.notBytes(text)) { try ByteCount(parsing: text) }
  }

  /// What is printed is off by at most half of its last digit, and printing what was read changes nothing.
  @Test func printedTextReadsBackWithinItsRounding() throws {
    for value in samples() where value < 15 << 60 {
      let text = ByteCount(value).description
      let read = try ByteCount(parsing: text)
      let digit = try ByteCount(parsing: "0.1 " + (text.split(separator: " ").last ?? "")).bytes
      #expect(max(read.bytes, value) - min(read.bytes, value) <= digit / 2 + 2, "\(value) -> \(text) -> \(read.bytes)")
      #expect(read.description == text)
    }
  }

  @Test func negativeSizesAreNothing() {
    #expect(ByteCount(-5).bytes == 0)
  }
}

/// Edge values of every power of two, and a seeded spread over all magnitudes.
func samples() -> [UInt64] {
  var values: [UInt64] = [0, .max]
  for shift in 0..<64 {
    let power = UInt64(1) << UInt64(shift)
    values += [power, power &- 1, power &+ 1]
  }
  var state: UInt64 = 0x9e37_79b9_7f4a_7c15
  for index in 0..<2000 {
    // xorshift64 (Marsaglia 2003)
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    values.append(state >> UInt64(index % 64))
  }
  return values
}
