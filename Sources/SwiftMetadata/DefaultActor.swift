/// A default actor: what it does just now, and the jobs that wait for it.
///
/// The object's first 96 bytes behind the header are the runtime's (`Builtin.DefaultActorStorage`): the atomic status {flags u32, lock,
/// first incoming job}, in Swift 6.0 and later then a queue by priority {head, last job of each of five priorities}
/// (swiftlang/swift stdlib/public/Concurrency/Actor.cpp and PriorityQueue.h). In Swift 5.7 to 5.10 the incoming list holds all jobs, and bit 0 of a
/// link marks those that have not been sorted in yet (`JobRef`). Verified on processes of Swift 6.3.1; the older ones were tried on made-up memory only.
public struct DefaultActor: Sendable, Hashable {
  /// What an actor does just then.
  public enum State: String, Sendable, Hashable, Codable {
    /// No job runs or waits.
    case idle
    /// A job of the executor has been asked to run the actor's jobs.
    case scheduled
    /// A thread runs one of its jobs, or stands in it.
    case running
    /// Its deinit waits for the thread that runs it.
    case destroyed
  }

  public var state: State
  /// Tasks and other jobs that wait, as far as it can be told the longest waiting first.
  public var jobs: [UInt64]

  /// Where the compiler puts the storage: an actor has no superclass with fields.
  public static let storage: Range<UInt64> = 16..<112
  /// Words of the object that the two lists of jobs start in.
  public static let incomingWord: UInt64 = 40
  private static let statusWord: UInt64 = 32
  /// Swift 6.3 puts the queue at the next multiple of the status's alignment, 6.0 right behind it.
  private static let queueWords: [UInt64] = [64, 48]
  private static let priorities: UInt64 = 5
  /// `Job::SchedulerPrivate[0]` (include/swift/ABI/Task.h).
  private static let nextJob: UInt64 = 16
  private static let markMask: UInt64 = 3

  /// Nil where `actor` is not in a state that an actor can be in.
  ///
  /// - Parameters:
  ///   - limit: jobs after which a list ends, whatever it says: more than there are blocks is a torn one.
  ///   - word: reads memory; nil where there is none.
  ///   - isJob: a job lies at this address.
  public init?(at actor: UInt64, limit: Int, word: (UInt64) -> UInt64?, isJob: (UInt64) -> Bool) {
    guard let flags = word(actor &+ Self.statusWord), let first = word(actor &+ Self.incomingWord) else { return nil }
    // ActiveActorStatus: state in bits 0 to 2, remote 3, overridden priority 4, priority 8 to 15.
    switch flags & 7 {
    case 0: state = .idle
    case 1: state = .scheduled
    case 2: state = .running
    case 3: state = .destroyed
    default: return nil
    }
    let (incoming, marked) = Self.list(first, limit: limit, word: word, isJob: isJob)
    if marked > 0 {
      // Swift 5: the newest of those not sorted in yet comes first, the others are in order.
      jobs = Array(incoming[marked...]) + incoming[..<marked].reversed()
      return
    }
    let head = Self.queueHead(of: actor, word: word, isJob: isJob)
    let sorted = head.map { Self.list($0, limit: limit, word: word, isJob: isJob).jobs } ?? []
    jobs = sorted + incoming.reversed()
  }

  /// Nil where there is no queue by priority; 0 where it is empty.
  private static func queueHead(
    of actor: UInt64, word: (UInt64) -> UInt64?, isJob: (UInt64) -> Bool
  ) -> UInt64? {
    for offset in queueWords {
      guard let head = word(actor &+ offset) else { continue }
      let tails = (1...priorities).map { word(actor &+ offset &+ 8 &* $0) ?? 1 }
      let isQueue =
        head == 0 ? tails.allSatisfy { $0 == 0 } : isJob(head) && tails.contains { $0 != 0 }
      if isQueue, tails.allSatisfy({ $0 == 0 || isJob($0) }) { return head }
    }
    return nil
  }

  /// The jobs of a list, and how many of its first links bear the mark of Swift 5. Ends at what is no job; a list that runs in a circle ends
  /// where it meets itself (R. Brent, "An Improved Monte Carlo Factorization Algorithm", BIT 20, 1980).
  private static func list(
    _ first: UInt64, limit: Int, word: (UInt64) -> UInt64?, isJob: (UInt64) -> Bool
  ) -> (jobs: [UInt64], marked: Int) {
    var jobs: [UInt64] = []
    var marked = 0
    var link = first
    var milestone: UInt64 = 0
    var nextMilestone = 1
    while jobs.count < limit {
      let job = link & ~markMask
      guard job != 0, job != milestone, isJob(job) else { break }
      if link & 1 != 0, marked == jobs.count { marked += 1 }
      jobs.append(job)
      if jobs.count == nextMilestone {
        milestone = job
        nextMilestone *= 2
      }
      guard let next = word(job &+ nextJob) else { break }
      link = next
    }
    return (jobs, marked)
  }
}
