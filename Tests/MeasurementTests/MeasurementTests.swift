import Measurement
import Testing

struct CountTests {
  @Test func groupsDigits() {
    #expect(Count(19_700).description == "19,700")
    #expect(Count(999).description == "999")
    #expect(Count(UInt64.max).description == "18,446,744,073,709,551,615")
    #expect(Count(1).of("block") == "1 block")
    #expect(Count(0).of("entry", "entries") == "0 entries")
  }
}

struct ShareTests {
  @Test(
    arguments: [
      (0, 10, "0 %"), (10, 10, "100 %"), (1, 100_000, "<0.1 %"), (99_999, 100_000, ">99.9 %"), (563, 1000, "56.3 %"),
      (5, 0, "0 %"),
    ] as [(UInt64, UInt64, String)])
  func prints(part: UInt64, whole: UInt64, text: String) {
    #expect(Share(part, of: whole).description == text)
  }

  @Test func sharesStayBetweenNothingAndAll() {
    #expect(Share(fraction: .nan).fraction == 0)
    #expect(Share(fraction: .infinity).fraction == 1)
  }
}

struct TimeSpanTests {
  @Test(
    arguments: [
      (0, "0 ns"), (999, "999 ns"), (1_500, "1.5 µs"), (31_000_000, "31 ms"), (4_100_000, "4.1 ms"),
      (999_600_000, "1.0 s"), (12_400_000_000, "12.4 s"), (312_000_000_000, "5 min 12 s"), (7_200_000_000_000, "2 h"),
      (187_200_000_000_000, "2 d 4 h"),
    ] as [(UInt64, String)])
  func prints(nanoseconds: UInt64, text: String) {
    #expect(TimeSpan(nanoseconds: nanoseconds).description == text)
  }

  @Test(
    arguments: [
      ("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("10 min", 600_000_000_000), ("3us", 3_000), ("3 µs", 3_000),
      ("2h", 7_200_000_000_000),
    ] as [(String, UInt64)])
  func reads(text: String, nanoseconds: UInt64) throws {
    #expect(try TimeSpan(parsing: text).nanoseconds == nanoseconds)
  }

  @Test(arguments: ["", "5", "ms", "1 fortnight", "-1s", "99999999999999d"])
  func refuses(text: String) {
    #expect(throws: MeasurementError.notATimeSpan(text)) { try TimeSpan(parsing: text) }
  }

  /// Below two minutes one number is printed, so it reads back to within 5 % and prints the same again.
  @Test func readsBackWhatItPrints() throws {
    for value in samples() where value < 110_000_000_000 && value > 0 {
      let text = TimeSpan(nanoseconds: value).description
      let read = try TimeSpan(parsing: text)
      #expect(abs(Double(read.nanoseconds) - Double(value)) <= 0.05 * Double(value) + 1, "\(value) -> \(text)")
      #expect(read.description == text)
    }
  }

  @Test func takesDurations() {
    #expect(TimeSpan(.milliseconds(31)).nanoseconds == 31_000_000)
    #expect(TimeSpan(.seconds(-1)).nanoseconds == 0)
    #expect(TimeSpan(.seconds(Int64.max)).nanoseconds == .max)
  }
}

struct SafeTextTests {
  @Test func nothingEndsAnElementOrAnAttribute() {
    #expect(SafeText.html("Box<\"a\"> & 'b'") == "Box&lt;&quot;a&quot;&gt; &amp; &#39;b&#39;")
    #expect(SafeText.html("plain ä") == "plain ä")
  }
}

struct HundredthsTests {
  @Test(
    arguments: [
      (0, "0.00"), (0.826, "0.83"), (-0.5, "-0.50"), (-12.5, "-12.50"), (-0.001, "0.00"), (3.999, "4.00"),
      (7.05, "7.05"),
    ] as [(Double, String)])
  func prints(value: Double, text: String) { #expect(value.hundredths == text) }

  @Test func takesWhatIsNoNumber() {
    #expect(Double.nan.hundredths == "0.00")
    #expect(!Double.infinity.hundredths.isEmpty)
  }
}
