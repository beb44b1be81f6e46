import Measurement

extension ReportModel {
  /// The answer in one sentence.
  public struct Verdict: Codable, Hashable, Sendable {
    /// What can be said of leaks.
    public enum Answer: String, Codable, Hashable, Sendable {
      case leak, noLeak, notJudged
    }

    public var answer: Answer
    /// How sure that there is a leak; `none` for the other answers.
    public var certainty: Certainty
    /// Leak or no leak, how much, of what.
    public var sentence: String

    public init(answer: Answer, certainty: Certainty, sentence: String) {
      self.answer = answer
      self.certainty = certainty
      self.sentence = sentence
    }

    /// A census answers another question: what fills the heap.
    init(heap: Heap, census: [CensusRow]) {
      var sentence = "\(ByteCount(heap.bytes)) in \(Count(heap.blocks).of("live block"))"
      if let largest = census.first {
        sentence +=
          "; most of it, \(Share(largest.bytes, of: heap.bytes)), is \(Count(largest.count)) × \(largest.type)"
      }
      self.init(answer: .notJudged, certainty: .none, sentence: sentence + ".")
    }

    init(heap: Heap, leaks: Leaks) {
      guard leaks.isJudged else {
        self.init(answer: .notJudged, certainty: .none, sentence: Self.notJudged(leaks.reason))
        return
      }
      guard let largest = leaks.groups.first else {
        self.init(answer: .noLeak, certainty: .none, sentence: Self.noLeak(heap: heap, leaks: leaks))
        return
      }
      let opening =
        switch leaks.certainty {
        case .certain: "Leak"
        case .likely: "Probably a leak"
        case .possible, .none: "Possibly a leak"
        }
      let share = Share(leaks.bytes, of: heap.bytes)
      self.init(
        answer: .leak, certainty: leaks.certainty,
        sentence: """
          \(opening): no pointer leads to \(Count(leaks.blocks).of("block")), \(ByteCount(leaks.bytes)) \
          (\(share) of the heap); \(Self.subject(largest, of: leaks)).
          """)
    }

    private static func notJudged(_ reason: String?) -> String {
      let reason = reason ?? "the heap could not be walked exactly"
      guard reason.contains("cannot be judged") else { return "Leaks cannot be judged: \(reason)." }
      return reason.prefix(1).uppercased() + reason.dropFirst() + "."
    }

    private static func noLeak(heap: Heap, leaks: Leaks) -> String {
      let suppressed = leaks.suppressed
      let rest =
        suppressed.blocks == 0
        ? "" : ", but for \(ByteCount(suppressed.bytes)) in \(Count(suppressed.blocks).of("block")) that are suppressed"
      if heap.blocks == 0 { return "No leak: the heap has no live block\(rest)." }
      return
        "No leak: a pointer leads to every one of the \(Count(heap.blocks).of("live block")), \(ByteCount(heap.bytes))\(rest)."
    }

    /// What most of the leaked bytes are.
    private static func subject(_ group: LeakGroup, of leaks: Leaks) -> String {
      let amount =
        leaks.groups.count == 1
        ? "all of it is" : "\(Share(group.bytes, of: leaks.bytes)) of it is"
      return "\(amount) \(group.description)"
    }
  }
}

extension ReportModel.LeakGroup {
  /// `1,000 retain cycles of Session`, `100 tasks that wait in fetch() for ever`.
  public var description: String {
    let number = Count(instances)
    if isFollowed == false { return "\(number) × \(type) to which nothing leads" }
    switch kind {
    case .cycle: return "\(number.of("retain cycle")) of \(type)"
    case .lostTask:
      let place = waitsIn.map { " in \($0)" } ?? ""
      return "\(number.of("task")) waiting\(place) that nothing can resume"
    case .chain: return "\(number) × \(type) that nothing points to"
    case .native: return "\(number.of("native block")) (\(type))"
    }
  }
}
