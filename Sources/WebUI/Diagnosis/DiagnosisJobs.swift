import Foundation
import Reports
import Synchronization

/// Diagnoses that visitors asked for. One at a time: each pauses a process twice. The newest few reports are kept, in memory only.
final class DiagnosisJobs: Sendable {
  /// What a diagnosis is: a process and for how long to watch it, in seconds. Blocks until it is done; throws a text for people.
  typealias Body =
    @Sendable (_ pid: Int32, _ seconds: Int, _ progress: @escaping @Sendable (String) -> Void) throws -> ReportModel

  enum State: String, Encodable, Sendable { case running, done, failed }

  struct Job: Encodable, Sendable {
    var id: Int
    var pid: Int32
    var seconds: Int
    var state: State
    /// What it does just now, or why it failed.
    var note: String
    /// The answer of one that is done.
    var sentence: String?
    /// The page of one that is done.
    fileprivate var page: String?

    private enum CodingKeys: String, CodingKey { case id, pid, seconds, state, note, sentence }
  }

  static let longest = 3600
  private static let kept = 8

  private let jobs = Mutex<[Job]>([])
  private let body: Body

  init(_ body: @escaping Body) { self.body = body }

  /// nil while another one runs.
  func start(pid: Int32, seconds: Int) -> Job? {
    let job = jobs.withLock { jobs -> Job? in
      guard !jobs.contains(where: { $0.state == .running }) else { return nil }
      let job = Job(id: (jobs.last?.id ?? 0) + 1, pid: pid, seconds: seconds, state: .running, note: "beginning")
      jobs.append(job)
      if jobs.count > Self.kept { jobs.removeFirst(jobs.count - Self.kept) }
      return job
    }
    guard let job else { return nil }
    // A thread of its own: it waits and works for long, which the threads of tasks must not.
    let thread = Thread { [self] in work(job) }
    thread.stackSize = 8 << 20
    thread.start()
    return job
  }

  func all() -> [Job] { jobs.withLock { $0 } }

  func page(_ id: Int) -> String? { jobs.withLock { $0.first { $0.id == id }?.page } }

  private func work(_ job: Job) {
    let id = job.id
    do {
      let report = try body(job.pid, job.seconds) { [self] note in change(id) { $0.note = note } }
      let page = try HTMLReport().render(report)
      change(id) { job in
        (job.state, job.note) = (.done, "")
        job.sentence = report.growth?.sentence ?? report.verdict.sentence
        job.page = page
      }
    } catch {
      change(id) { ($0.state, $0.note) = (.failed, TextStyle.printable("\(error)")) }
    }
  }

  private func change(_ id: Int, _ body: (inout Job) -> Void) {
    jobs.withLock { jobs in
      guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
      body(&jobs[index])
    }
  }
}
