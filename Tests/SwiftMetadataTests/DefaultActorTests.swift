import SwiftMetadata
import Testing

/// Queues of actors in made-up memory: the layouts of all runtimes, and torn ones.
@Suite struct DefaultActorTests {
  /// An actor at 0x1000 and jobs at 0x2000, 0x2100, …
  private struct Words {
    var words: [UInt64: UInt64] = [:]
    static let actor: UInt64 = 0x1000

    static func job(_ number: Int) -> UInt64 { 0x2000 + UInt64(number) * 0x100 }

    init(state: UInt64) {
      for offset in stride(from: UInt64(16), to: 112, by: 8) { words[Self.actor + offset] = 0 }
      words[Self.actor + 32] = state | 0x1500
    }

    subscript(offset: UInt64) -> UInt64 {
      get { words[Self.actor + offset] ?? 0 }
      set { words[Self.actor + offset] = newValue }
    }

    /// Links jobs in this order and returns the first.
    mutating func link(_ jobs: [Int], mark: Int = 0) -> UInt64 {
      for (index, job) in jobs.enumerated() {
        let next = index + 1 < jobs.count ? Self.job(jobs[index + 1]) | (index + 1 < mark ? 1 : 0) : 0
        words[Self.job(job) + 16] = next
      }
      return jobs.first.map { Self.job($0) | (mark > 0 ? 1 : 0) } ?? 0
    }

    func actor(limit: Int = 1000) -> DefaultActor? {
      DefaultActor(
        at: Self.actor, limit: limit, word: { words[$0] },
        isJob: { $0 & 0xff == 0 && $0 >= 0x2000 && $0 < 0x10_0000 && words[$0 + 16] != nil })
    }
  }

  private func jobs(_ numbers: Int...) -> [UInt64] { numbers.map(Words.job) }

  @Test func nothingToDo() {
    let words = Words(state: 0)
    #expect(words.actor() == DefaultActor(at: Words.actor, limit: 1, word: { words.words[$0] }, isJob: { _ in false }))
    #expect(words.actor()?.state == .idle && words.actor()?.jobs == [])
  }

  /// The queue by priority comes first, then what has come since, the newest of which is the first of its list.
  @Test(arguments: [UInt64(64), 48]) func swift6(queue: UInt64) {
    var words = Words(state: 2)
    words[40] = words.link([5, 4, 3])
    words[queue] = words.link([0, 1, 2])
    words[queue + 24] = Words.job(2)
    // What lies in front of the queue, nobody has written.
    if queue == 64 {
      words[48] = 0x7f00_1234_5678
      words[56] = 0x7f00_1234_5679
    }
    #expect(words.actor()?.state == .running)
    #expect(words.actor()?.jobs == jobs(0, 1, 2, 3, 4, 5))
  }

  /// One list: those not sorted in yet bear a mark, the newest first; then the others in order.
  @Test func jobsOfSwift5ComeInTheirOrder() {
    var words = Words(state: 1)
    words[40] = words.link([5, 4, 3, 0, 1, 2], mark: 3)
    for offset in stride(from: UInt64(48), to: 112, by: 8) { words[offset] = 0xdead_beef }
    #expect(words.actor()?.state == .scheduled)
    #expect(words.actor()?.jobs == jobs(0, 1, 2, 3, 4, 5))
  }

  @Test func tornQueues() {
    var circle = Words(state: 2)
    circle[40] = circle.link([0, 1, 2, 3])
    circle.words[Words.job(3) + 16] = Words.job(1)
    let found = circle.actor()?.jobs ?? []
    // Each at least once, and an end.
    #expect(Set(found).isSuperset(of: jobs(0, 1, 2, 3)) && found.count < 16)
    #expect(circle.actor(limit: 2)?.jobs.count == 2)
    var broken = Words(state: 2)
    broken[40] = broken.link([0, 1])
    broken.words[Words.job(1) + 16] = 0xdead_beef
    #expect(broken.actor()?.jobs == jobs(1, 0))
    #expect(Words(state: 5).actor() == nil)
    #expect(DefaultActor(at: .max - 4, limit: 10, word: { _ in nil }, isJob: { _ in true }) == nil)
  }
}
