import Timeline

/// The verdict over time: what grew, why, and where it ends. A part of the report's file format (docs/report-schema.md): bytes, seconds.
public struct GrowthReport: Codable, Sendable, Hashable {
  /// One row of the books.
  public struct Row: Codable, Sendable, Hashable {
    public var holder: String
    public var title: String
    public var bytes: Int64
    /// Change between the two snapshots; nil where there was one.
    public var growth: Int64?
  }

  /// Whether and how fast resident memory grew, by the test on its floor.
  public struct Trend: Codable, Sendable, Hashable {
    public var pattern: GrowthTest.Pattern
    /// Bytes per hour with the 90 % interval.
    public var perHour, lowPerHour, highPerHour: Double
    public var probability: Double
    public var epochs: Int
    public var lives: Int
    public var periodSeconds: Double?
    /// How it was tested, in words.
    public var method: String
  }

  /// Curves to look at, folded to some hundred points.
  public struct Curves: Codable, Sendable, Hashable {
    /// Milliseconds since 1970.
    public var times: [Int64]
    /// By name of the quantity; counters as rates per second. nil where unknown.
    public var values: [String: [Double?]]
  }

  /// Resident memory by holder at the time of one snapshot.
  public struct Moment: Codable, Sendable, Hashable {
    /// Milliseconds since 1970.
    public var time: Int64
    public var rows: [Row]
  }

  /// The answer in a sentence.
  public var sentence: String
  /// The first finding's cause.
  public var cause: Cause
  public var watchedSeconds: Double
  public var samples: Int
  public var trend: Trend
  /// Resident memory put to holders; empty where no snapshot could be taken. Their sum is `resident`.
  public var books: [Row]
  public var resident: UInt64?
  public var booksAreClosed: Bool?
  /// The control group put to holders; their sum is `groupUsage`.
  public var groupBooks: [Row]
  public var groupUsage: UInt64?
  public var findings: [Finding]
  /// Growth of resident memory between the snapshots, put to causes; their sum is the growth of `resident`. Empty without two snapshots.
  public var account: [Row]?
  public var forecast: Forecast?
  /// The forecast by cause and by load.
  public var forecastByCause: CauseForecast?
  public var curves: Curves
  public var events: [TimelineEvent]
  public var remarks: [String]
  /// The books of every snapshot that has them, oldest first; nil where there were fewer than two.
  public var moments: [Moment]? = nil
}

extension GrowthReport.Moment {
  /// The books of some snapshots.
  public static func all(_ heaps: [HeapFacts]) -> [GrowthReport.Moment]? {
    let moments = heaps.sorted { $0.time < $1.time }.compactMap { facts in
      facts.books.map { books in
        GrowthReport.Moment(
          time: facts.time,
          rows: ResidentBooks.Holder.allCases.compactMap { holder in
            books[holder] == 0
              ? nil : GrowthReport.Row(holder: holder.rawValue, title: holder.title, bytes: books[holder], growth: nil)
          })
      }
    }
    return moments.count < 2 ? nil : moments
  }
}
