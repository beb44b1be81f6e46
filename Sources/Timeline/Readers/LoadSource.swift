import Glibc
import ProcessImage
import Synchronization

/// A Prometheus metric of the service, read over HTTP: what memory is set against.
///
/// Requests are made on a thread of its own, so that a slow endpoint never delays a sample; the last answer counts until it is
/// older than `staleAfter`. Of a moment that has passed it tells what the count was then.
public final class LoadSource: Sendable {
  public struct Address: Sendable, Hashable {
    public var metric: String
    /// Label names and values that a series must have.
    public var labels: [String: String]
    public var host: String
    public var port: UInt16
    public var path: String
    public var text: String
  }

  public struct Reading: Sendable, Hashable {
    public var value: Double
    /// Monotonic nanoseconds: half-way between the request and its answer, which is as near as one can tell when the service counted.
    public var time: UInt64

    public init(value: Double, time: UInt64) {
      self.value = value
      self.time = time
    }
  }

  private struct State {
    /// By time; at most `LoadSource.kept`.
    var readings: [Reading] = []
    var failure: String?
    var isStopped = false
  }

  public let address: Address
  private let state = Mutex(State())
  private let interval: UInt64
  /// A count older than this says nothing about now, in nanoseconds.
  private var staleAfter: UInt64 { max(interval * 5, 10_000_000_000) }
  /// More than come in while a heap is copied and read.
  private static let kept = 1000

  /// - Parameter interval: nanoseconds between two requests.
  public init(_ address: Address, interval: UInt64) {
    self.address = address
    self.interval = max(interval, 100_000_000)
  }

  /// The last count; nil where it is too old.
  public var current: Double? {
    let now = Clocks.monotonic
    return state.withLock { state in
      state.readings.last.flatMap { now &- $0.time <= staleAfter ? $0.value : nil }
    }
  }

  /// What the count was at a moment between two readings: on the line from the one to the other. O(log readings).
  ///
  /// - Parameter time: monotonic nanoseconds.
  /// - Returns: nil where there is no reading on one side of it, where the two are far apart, or where the count began anew between them.
  public func count(at time: UInt64) -> Double? {
    state.withLock { Self.count(at: time, in: $0.readings, apart: staleAfter) }
  }

  /// - Parameters:
  ///   - readings: by time.
  ///   - apart: nanoseconds between two readings over which no line is drawn.
  static func count(at time: UInt64, in readings: [Reading], apart: UInt64) -> Double? {
    let next = readings.partitionIndex { $0.time < time }
    guard next < readings.count else { return nil }
    let after = readings[next]
    if after.time == time { return after.value }
    guard next > 0 else { return nil }
    let before = readings[next - 1]
    guard after.time - before.time <= apart, after.value >= before.value else { return nil }
    return before.value + (after.value - before.value) * Double(time - before.time) / Double(after.time - before.time)
  }

  /// The same, asking once more where the moment is later than the last answer. Takes as long as an answer.
  public func countAfterwards(at time: UInt64) -> Double? {
    if state.withLock({ $0.readings.last.map { $0.time < time } ?? true }) { refresh() }
    return count(at: time)
  }

  /// Why the last request failed; nil after one that did not.
  public var failure: String? { state.withLock { $0.failure } }

  /// Asks once, on this thread.
  public func refresh() {
    let start = Clocks.monotonic
    let result = Result { () throws(TimelineError) in
      let body = try HTTPGet.body(host: address.host, port: address.port, path: address.path)
      guard let value = PrometheusText.sum(of: address.metric, labels: address.labels, in: body) else {
        throw TimelineError.badLoad(address.text, reason: "the page has no such metric")
      }
      return value
    }
    state.withLock { state in
      switch result {
      case .success(let value):
        // Whoever asks on another thread meanwhile may be answered sooner.
        let reading = Reading(value: value, time: start + (Clocks.monotonic - start) / 2)
        let place = state.readings.partitionIndex { $0.time <= reading.time }
        state.readings.insert(reading, at: place)
        if state.readings.count > Self.kept { state.readings.removeFirst() }
        state.failure = nil
      case .failure(let error): state.failure = "\(error)"
      }
    }
  }

  /// Begins asking in the background.
  public func start() {
    let thread = SystemThread {
      while !self.state.withLock({ $0.isStopped }) {
        self.refresh()
        Clocks.sleep(self.interval)
      }
    }
    if let thread { thread.detach() } else { state.withLock { $0.failure = ProcessRoom.ownLack } }
  }

  public func stop() { state.withLock { $0.isStopped = true } }
}

extension LoadSource.Address {
  /// Reads `metric@URL` or `metric{label="value"}@URL`; the URL is `http://host:port/path`.
  public init(parsing text: String) throws(TimelineError) {
    func bad(_ reason: String) -> TimelineError { .badLoad(text, reason: reason) }
    guard let at = text.lastIndex(of: "@") else { throw bad("there is no @ with the address of the metrics") }
    var selector = text[..<at]
    var url = text[text.index(after: at)...]
    var labels: [String: String] = [:]
    if let brace = selector.firstIndex(of: "{") {
      guard selector.hasSuffix("}") else { throw bad("the labels have no closing brace") }
      labels = PrometheusText.labels(selector[selector.index(after: brace)...].dropLast())
      selector = selector[..<brace]
    }
    guard !selector.isEmpty, selector.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_:".contains($0)) })
    else { throw bad("'\(selector)' is no name of a metric") }
    if url.hasPrefix("https://") { throw bad("https is not supported; use the service's own port") }
    if url.hasPrefix("http://") { url = url.dropFirst(7) }
    let slash = url.firstIndex(of: "/") ?? url.endIndex
    var host = url[..<slash]
    var port: UInt16 = 80
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      guard let number = UInt16(host[host.index(after: colon)...]), number > 0 else {
        throw bad("the port is no number")
      }
      port = number
      host = host[..<colon]
    }
    if host.hasPrefix("[") && host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { throw bad("there is no host") }
    self.init(
      metric: String(selector), labels: labels, host: String(host), port: port,
      path: slash == url.endIndex ? "/metrics" : String(url[slash...]), text: text)
  }
}
