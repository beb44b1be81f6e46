import Measurement
import Timeline

/// What a control group's own numbers add to its limit, in sentences: how high memory stood before anybody watched, and whether the limit is
/// the end or only the beginning of swapping.
public struct GroupMemory: Sendable, Hashable {
  /// Bytes; nil where the kernel does not say or there is none.
  private let limit, usage, peak, swap, swapLimit, high: Double?

  public init(_ sample: Sample) {
    limit = sample[.groupLimit]
    usage = sample[.groupUsage]
    peak = sample[.groupPeak]
    swap = sample[.groupSwap]
    swapLimit = sample[.groupSwapLimit]
    high = sample[.groupHigh]
  }

  /// A group that stands at its limit and has put memory into swap, in bytes.
  struct Pressure {
    var limit, inSwap, moreInSwap: Double
  }

  /// Of a limit, what is no page cache where the limit presses: cache fills any room, and goes when there is need.
  private static let pressed = 0.8
  /// Of a limit, what is in swap where it matters.
  private static let notable = 0.01

  /// Nil where there is room, or next to nothing is in swap. Between two readings the kernel takes back a little more than it has to.
  static func pressure(_ life: [Sample]) -> Pressure? {
    guard let last = life.last(where: { $0[.groupLimit] != nil && $0[.groupUsage] != nil }),
      let limit = last[.groupLimit], let usage = last[.groupUsage], limit > 0
    else { return nil }
    let quantity: Metric = last[.groupSwap] != nil ? .groupSwap : .swap
    guard let inSwap = last[quantity], inSwap >= notable * limit, usage >= near * limit,
      last.groupCharged.map({ $0 - (last[.swap] ?? 0) }) ?? usage >= pressed * limit
    else { return nil }
    return Pressure(
      limit: limit, inSwap: inSwap, moreInSwap: inSwap - (life.first { $0[quantity] != nil }?[quantity] ?? inSwap))
  }

  /// A group that stands at its `memory.high`: the kernel holds back whoever allocates there, and ends nobody.
  struct Throttling {
    /// Bytes.
    var high: Double
    /// Of the time, that in which one of the group's tasks at least waited for memory; nil where the kernel does not say.
    var waited: Double?
  }

  /// Of the time, what is waited for memory where it matters.
  private static let notableWait = 0.01

  /// Nil below `memory.high`, and where its tasks do not wait for memory.
  static func throttling(_ life: [Sample]) -> Throttling? {
    guard let last = life.last(where: { $0[.groupHigh] != nil && $0[.groupUsage] != nil }),
      let high = last[.groupHigh], let usage = last[.groupUsage], high > 0, usage >= near * high
    else { return nil }
    let first = life.first { $0[.groupPressure] != nil }
    guard let first, last.time > first.time, let before = first[.groupPressure], let now = last[.groupPressure] else {
      // What cannot be given back is all there is to go by.
      return last.groupCharged.map { $0 >= pressed * high } ?? true ? Throttling(high: high) : nil
    }
    let waited = min(max(now - before, 0) / (Double(last.time - first.time) / 1000), 1)
    return waited >= notableWait ? Throttling(high: high, waited: waited) : nil
  }

  /// From this share of what is allowed on, swap is full and a peak was at the limit.
  private static let near = 0.95

  /// The peak was at the limit, or something is in swap: worth a word also where the limit is far away now.
  var isNoteworthy: Bool {
    guard let limit else { return false }
    let isHeld = high == limit && (usage ?? 0) >= Self.near * limit
    return (peak ?? 0) >= Self.near * limit || (swap ?? 0) > 0 || isHeld
  }

  /// One sentence each; none where the kernel says nothing of it.
  public var sentences: [String] { [peakSentence, highSentence, swapSentence].compactMap { $0 } }

  private var peakSentence: String? {
    guard let peak else { return nil }
    // Page cache counts as well, and grows into whatever room there is.
    let text = "the most so far was \(Say.bytes(peak)), page cache included"
    guard let limit, limit > 0 else { return text }
    return text + ", \(Share(fraction: peak / limit)) of the limit"
  }

  private var highSentence: String? {
    guard let high, high == limit else { return nil }
    return
      "the limit is its memory.high of \(Say.bytes(high)): above it the kernel ends nobody, and slows down who allocates"
  }

  private var swapSentence: String? {
    let used = swap ?? 0
    guard let swapLimit else { return used > 0 ? "\(Say.bytes(used)) of it is in swap" : nil }
    if swapLimit == 0 { return "it may not swap: at the limit the kernel ends a process" }
    if used >= Self.near * swapLimit {
      return "its swap is full, \(Say.bytes(used)) of \(Say.bytes(swapLimit)): at the limit the kernel ends a process"
    }
    return
      "it may swap \(Say.bytes(swapLimit)), of which it uses \(Say.bytes(used)): at the limit it becomes slow before the kernel ends a process"
  }
}
