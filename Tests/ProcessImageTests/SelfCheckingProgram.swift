import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// The program `selfcheck`, running: it checks its heap, registers, system calls, signals, threads and children all the time.
final class SelfCheckingProgram {
  /// Words of the shared file; the order of `statistics.h`.
  enum Word: Int {
    case ready, stop, errors, checks, beats, longestGap, signalsSent, signalsReceived, childSignals, threads, spawned
    case heap, heapSize, stride, counters, writes
    case interrupted = 64
    case short = 96
  }
  static let kindCount = 17
  private static let messageOffset = 4096
  private static let size = 8192

  let program: RunningProgram
  private let file: String
  private let words: UnsafeMutableRawPointer
  var pid: Int32 { program.pid }

  /// - Parameter command: runs the program, given its path and arguments (to put it into a control group, say).
  init(
    mebibytes: Int = 48, _ options: [String] = ["calls"],
    command: (String, [String]) -> (String, [String]) = { ($0, $1) }
  ) throws {
    let path = try TestProgram.path("selfcheck", .c(["-O1", "-pthread"]))
    file = NSTemporaryDirectory() + "memwhy-selfcheck-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let (tool, arguments) = command(path, [file, "\(mebibytes)"] + options)
    do {
      program = try RunningProgram(tool, arguments)
    } catch {
      unlink(file)
      throw error
    }
    let descriptor = open(file, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, let memory = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else { throw TestFailure("cannot map \(file)") }
    words = memory
  }

  deinit {
    _ = finish()
    munmap(words, Self.size)
    unlink(file)
  }

  subscript(_ word: Word, _ offset: Int = 0) -> UInt64 {
    get { words.load(fromByteOffset: (word.rawValue + offset) * 8, as: UInt64.self) }
    set { words.storeBytes(of: newValue, toByteOffset: (word.rawValue + offset) * 8, as: UInt64.self) }
  }

  /// The first thing that it found wrong.
  var message: String {
    String(cString: words.advanced(by: Self.messageOffset).assumingMemoryBound(to: CChar.self))
  }

  func sum(_ word: Word) -> UInt64 { (0..<Self.kindCount).reduce(0) { $0 + self[word, $1] } }

  /// It goes on: beats and checks rise. Waits long, because the host may have no time for it.
  func makesProgress(within seconds: TimeInterval = 10) -> Bool {
    let (beats, checks) = (self[.beats], self[.checks])
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if self[.beats] > beats && self[.checks] > checks { return true }
      usleep(2_000)
    }
    return false
  }

  /// Threads that are stopped or traced, as text.
  var heldThreads: [String] {
    ((try? Procfs.threads(of: pid)) ?? []).compactMap { tid in
      guard let bytes = try? contents(of: "/proc/\(pid)/task/\(tid)/status") else { return nil }
      let status = ProcessStatus(parsing: bytes)
      guard status.tracer != 0 || status.state == "t" || status.state == "T" else { return nil }
      return "thread \(tid) state \(status.state) tracer \(status.tracer)"
    }
  }

  /// Asks it to end; its verdict, `PASS …` or `FAIL …`.
  func finish() -> String {
    self[.stop] = 1
    let deadline = Date().addingTimeInterval(20)
    while program.isRunning, Date() < deadline { usleep(5_000) }
    program.stop()
    usleep(10_000)
    return program.output.split(separator: "\n").last.map(String.init) ?? ""
  }
}

func children(of pid: Int32) -> [(pid: Int32, state: Character)] {
  ((try? folderEntries("/proc")) ?? []).compactMap { Int32($0) }.compactMap { child in
    guard let stat = try? Procfs.stat(of: child), stat.parent == pid else { return nil }
    return (child, stat.state)
  }
}
