import Glibc
import ProcessImage

/// Freezes a process, reads all of it and lets it go: the tool that tests kill at any instant.
///
/// `freeze-victim PID [--die-at PHASE] [--stop-at PHASE] [--wait-at PHASE=MILLISECONDS] [--jitter MICROSECONDS] [--progress FILE]
/// [--stop] [--hold MILLISECONDS] [--read-limit BYTES] [--budget BYTES]`
@main
struct FreezeVictim {
  var pid: Int32 = 0
  var options = FreezeOptions()
  var copiesWhileStopped = false
  var holdMilliseconds: UInt32 = 0
  /// Bytes of each mapping.
  var readLimit: UInt64 = 4 << 20

  static func main() {
    var victim = FreezeVictim()
    guard victim.parse(Array(CommandLine.arguments.dropFirst())) else {
      print("usage: freeze-victim PID [options]")
      exit(64)
    }
    do throws(FreezeError) {
      try victim.run()
    } catch {
      print("error: \(error)")
      exit(70)
    }
  }

  mutating func parse(_ arguments: [String]) -> Bool {
    guard let first = arguments.first, let pid = Int32(first) else { return false }
    self.pid = pid
    var dieAt: FreezePhase?
    var stopAt: FreezePhase?
    var waitAt: (phase: FreezePhase, milliseconds: UInt32)?
    var jitter: UInt32 = 0
    var progress: Progress?
    var rest = arguments.dropFirst()
    while let option = rest.popFirst() {
      if option == "--stop" {
        copiesWhileStopped = true
        continue
      }
      guard let value = rest.popFirst() else { return false }
      switch option {
      case "--die-at": dieAt = FreezePhase(rawValue: value)
      case "--stop-at": stopAt = FreezePhase(rawValue: value)
      case "--wait-at":
        let words = value.split(separator: "=")
        guard words.count == 2, let phase = FreezePhase(rawValue: String(words[0])), let time = UInt32(words[1]) else {
          return false
        }
        waitAt = (phase, time)
      case "--jitter": jitter = UInt32(value) ?? 0
      case "--hold": holdMilliseconds = UInt32(value) ?? 0
      case "--progress": progress = Progress(path: value)
      case "--read-limit": readLimit = UInt64(value) ?? 0
      case "--budget": options.copyBudget = UInt64(value)
      default: return false
      }
    }
    options.announce = { _ in print("announced") }
    options.phaseHook = { [dieAt, stopAt, waitAt, jitter, progress] phase in
      progress?.store(phase)
      if phase == dieAt {
        usleep(UInt32.random(in: 0...400))
        kill(getpid(), SIGKILL)
      }
      if phase == stopAt {
        kill(getpid(), SIGSTOP)
        // The main thread takes the signal, and on a busy host this one would run on for a while.
        sleep(60)
      }
      if let waitAt, phase == waitAt.phase { usleep(waitAt.milliseconds * 1000) }
      if jitter > 0 { usleep(UInt32.random(in: 0...jitter)) }
    }
    return true
  }

  func run() throws(FreezeError) {
    if copiesWhileStopped {
      let process = try StoppedProcess.stop(pid, options: options)
      print(
        "read", readAll(process.mappings, process.memory), "bytes, pause", process.report.measuredPause / 1000, "us")
      return
    }
    let process = try FrozenProcess.freeze(pid, options: options)
    let bytes = readAll(process.mappings, process.memory)
    if holdMilliseconds > 0 { usleep(holdMilliseconds * 1000) }
    let failure = process.failure
    let remarks = process.release()
    print(
      "read", bytes, "bytes, pause", process.report.measuredPause / 1000, "us, predicted",
      process.report.predictedPause / 1000, "us, threads", process.report.threadCount, "retries", process.report.retries
    )
    for note in process.report.notes { print("note:", note) }
    if let failure { print("given up:", failure) }
    for remark in remarks { print("remark:", remark) }
  }

  /// Bytes that could be read from the first part of each private writable mapping: short, so that kills fall into other steps, too.
  private func readAll(_ mappings: [Mapping], _ memory: some MemoryReader) -> Int {
    let step: UInt64 = 1 << 20
    var total = 0
    var buffer = [UInt8](repeating: 0, count: Int(step))
    for mapping in mappings where mapping.isWritablePrivate {
      var address = mapping.start
      let end = min(mapping.end, mapping.start + readLimit)
      while address < end {
        let count = Int(min(step, end - address))
        let isRead = buffer.withUnsafeMutableBytes {
          (try? memory.read(address, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))) != nil
        }
        if isRead { total += count }
        address += UInt64(count)
      }
    }
    return total
  }
}

/// One byte in a file: the number of the last step, for whoever killed us.
final class Progress: @unchecked Sendable {
  // Written by the tracing thread only.
  private let byte: UnsafeMutablePointer<UInt8>

  init?(path: String) {
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0, ftruncate(file, 4096) == 0,
      let memory = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), memory != MAP_FAILED
    else { return nil }
    close(file)
    byte = memory.assumingMemoryBound(to: UInt8.self)
  }

  func store(_ phase: FreezePhase) { byte.pointee = UInt8(1 + (FreezePhase.allCases.firstIndex(of: phase) ?? 254)) }
}
