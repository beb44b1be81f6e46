import Diagnosis
import Timeline

/// What a chart over time shows: one data format for saved reports and for the pages of `memwhy serve`.
public struct TimelineChart: Codable, Hashable, Sendable {
  /// What the numbers of a chart are.
  public enum Unit: String, Codable, Hashable, Sendable {
    case bytes, count, cores
    case perSecond
  }

  /// Values at `TimelineChart.times`; nil where unknown. `low` and `high` are there where values are means.
  public struct Line: Codable, Hashable, Sendable {
    public var id: String
    public var title: String
    public var unit: Unit
    /// What it counts, in a clause.
    public var meaning: String
    public var values: [Double?]
    public var low: [Double?]?
    public var high: [Double?]?

    public init(
      id: String, title: String, unit: Unit, meaning: String, values: [Double?], low: [Double?]? = nil,
      high: [Double?]? = nil
    ) {
      self.id = id
      self.title = title
      self.unit = unit
      self.meaning = meaning
      self.values = values
      self.low = low
      self.high = high
    }
  }

  /// Parts that add up, at times of their own.
  public struct Stack: Codable, Hashable, Sendable {
    /// One of the areas that are stacked.
    public struct Layer: Codable, Hashable, Sendable {
      public var id: String
      public var title: String
      public var values: [Double]
    }

    public var times: [Int64]
    /// From the bottom.
    public var layers: [Layer]
    /// Times are snapshots; between them nothing was measured.
    public var isMeasuredAtTimes: Bool
  }

  /// Milliseconds since 1970.
  public var times: [Int64]
  /// Bytes that must not be passed.
  public var limit: Double?
  public var stack: Stack?
  /// Memory, drawn into the large chart.
  public var lines: [Line]
  /// A small chart each.
  public var panels: [Line]
  public var events: [TimelineEvent]

  public init(
    times: [Int64], limit: Double? = nil, stack: Stack? = nil, lines: [Line], panels: [Line],
    events: [TimelineEvent] = []
  ) {
    self.times = times
    self.limit = limit
    self.stack = stack
    self.lines = lines
    self.panels = panels
    self.events = events
  }
}

extension TimelineChart {
  /// Small charts, in this order: quantity, title, unit.
  public static let panels: [(metric: Metric, title: String, unit: Unit)] = [
    (.load, "Load", .perSecond), (.cpu, "Processor", .cores), (.threads, "Threads", .count),
    (.tcpEstablished, "TCP connections", .count), (.descriptors, "Descriptors", .count),
    (.groupFile, "Page cache of the group", .bytes), (.groupKernel, "Kernel memory of the group", .bytes),
  ]

  /// Parts of the resident set that the kernel counts, from the bottom.
  static let kernelParts: [(metric: Metric, title: String)] = [
    (.file, "mapped files and code"), (.shared, "shared memory and tmpfs"),
    (.anonymous, "anonymous: heap, stacks, data"),
  ]

  /// From the bottom: what rarely changes first, so that what grows stands out at the top.
  private static let order: [ResidentBooks.Holder] = [
    .files, .moduleData, .shared, .stacks, .mappings, .allocatorOverhead, .allocatorFree, .nativeBlocks, .swiftObjects,
    .unexplained,
  ]

  /// nil where there is nothing to draw.
  public init?(_ growth: GrowthReport) {
    let curves = growth.curves
    guard curves.times.count >= 2 else { return nil }
    func line(_ metric: Metric, _ title: String, _ unit: Unit) -> Line? {
      guard let values = curves.values[metric.name], values.contains(where: { $0 != nil }) else { return nil }
      return Line(id: metric.name, title: title, unit: unit, meaning: metric.meaning, values: values)
    }
    let resident = line(.rss, "resident", .bytes)
    let group = line(.groupUsage, "control group", .bytes)
    let isNear = Self.isNear(group, resident)
    self.init(
      times: curves.times, limit: growth.forecast?.limit,
      stack: Self.books(growth) ?? Self.kernelStack(times: curves.times) { curves.values[$0.name] },
      lines: [resident, isNear ? group : nil].compactMap { $0 },
      panels: Self.panels.compactMap { line($0.metric, $0.title, $0.unit) }
        + [isNear ? nil : line(.groupUsage, "Control group", .bytes)].compactMap { $0 },
      events: growth.events.suffix(200).map { event in
        var event = event
        event.detail = TextStyle.shorten(TextStyle.printable(event.detail), to: 200)
        return event
      })
  }

  /// The group of a process among many is far larger: on one scale the process would be a line on the ground.
  public static func isNear(_ group: Line?, _ resident: Line?) -> Bool {
    guard let group, let resident else { return true }
    let most = resident.values.lazy.compactMap { $0 }.max() ?? 0
    return group.values.lazy.compactMap { $0 }.max() ?? 0 <= 2.5 * most
  }

  /// The books of the snapshots, where these span most of what was watched.
  private static func books(_ growth: GrowthReport) -> Stack? {
    guard let moments = growth.moments, let first = moments.first, let last = moments.last,
      let start = growth.curves.times.first, let end = growth.curves.times.last,
      Double(last.time - first.time) >= 0.5 * Double(end - start)
    else { return nil }
    let layers = order.compactMap { holder -> Stack.Layer? in
      let values = moments.map { moment in
        Double(max(moment.rows.first { $0.holder == holder.rawValue }?.bytes ?? 0, 0))
      }
      return values.contains { $0 > 0 } ? Stack.Layer(id: holder.rawValue, title: holder.title, values: values) : nil
    }
    return Stack(times: moments.map(\.time), layers: layers, isMeasuredAtTimes: true)
  }

  /// By kind of page, where there are no snapshots.
  public static func kernelStack(times: [Int64], _ values: (Metric) -> [Double?]?) -> Stack? {
    let parts = kernelParts.compactMap { part in values(part.metric).map { (part, $0) } }
    guard parts.count >= 2 else { return nil }
    // Moments at which a part is unknown are left out of all.
    let known = times.indices.filter { index in parts.allSatisfy { $0.1.indices.contains(index) && $0.1[index] != nil }
    }
    guard known.count >= 2 else { return nil }
    return Stack(
      times: known.map { times[$0] },
      layers: parts.map { part, values in
        Stack.Layer(id: part.metric.name, title: part.title, values: known.map { max(values[$0] ?? 0, 0) })
      }, isMeasuredAtTimes: false)
  }
}
