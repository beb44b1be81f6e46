import Glibc
import Measurement
import MemwhyService

// A service that samples itself and knows what it keeps. Writes its endpoints' answers into files, prints what a test has to find in
// them, then READY, and waits.
//
// usage: sampled-service FOLDER [INTERVAL]

struct Kept: @unchecked Sendable {
  var blocks: [UnsafeMutableRawPointer?]
}

/// Blocks of 1,000 bytes each that stay.
@inline(never) func keepBlocks(_ count: Int) -> Kept { Kept(blocks: (0..<count).map { _ in malloc(1000) }) }

/// Blocks of 3,000 bytes each that go at once.
@inline(never) func dropBlocks(_ count: Int) {
  for _ in 0..<count { free(opaque(malloc(3000))) }
}

/// Keeps the compiler from leaving an allocation out.
@inline(never) func opaque(_ block: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? { block }

/// Sets the interval, and allocates what this thread needs to notice.
func follow(_ interval: ByteCount) throws {
  try MemwhyService.setInterval(interval)
  free(opaque(malloc(2 << 20)))
}

struct Sink {
  let folder: String

  /// Without waiting, as a handler that is not async does.
  func ask(_ name: String, _ path: String, _ query: String = "") {
    write(name, MemwhyService.response(path: path, query: query))
  }

  func write(_ name: String, _ response: MemwhyService.Response) {
    let file = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let count = Glibc.write(file, response.body, response.body.count)
    close(file)
    print("\(name) \(response.status) \(count) \(response.contentType)")
  }
}

/// A table that would be larger than the limit on files: an error, and no SIGXFSZ.
func startBeyondLimit(_ folder: String) {
  var limit = rlimit()
  getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) }
  var small = limit
  small.rlim_cur = 1 << 20
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &small)
  for file in [folder + "/limited.table", nil] {
    do { try MemwhyService.start(file: file) } catch { print("limited \(error)") }
  }
}

@main struct SampledService {
  static func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 1 else { exit(64) }
    let sink = Sink(folder: arguments[1])
    sink.ask("early", "/debug/pprof/heap")
    var kept = [keepBlocks(500)]
    print("state \(MemwhyService.state.rawValue)")
    do { try MemwhyService.start(interval: ByteCount(0)) } catch { print("refused \(error)") }
    startBeyondLimit(sink.folder)

    try MemwhyService.start(interval: ByteCount(arguments.count > 2 ? UInt64(arguments[2]) ?? 1 : 1))
    try MemwhyService.start()
    print("state \(MemwhyService.state.rawValue) interval \(MemwhyService.interval?.bytes ?? 0)")
    kept.append(keepBlocks(2000))
    dropBlocks(700)
    MemwhyService.stop()
    print("state \(MemwhyService.state.rawValue)")
    kept.append(keepBlocks(900))
    MemwhyService.resume()
    try follow(ByteCount(1))
    let other = Task(name: "keeper") { keepBlocks(300) }
    kept.append(await other.value)
    // Endpoints allocate themselves, and much; not all of that has to be taken.
    try follow(.mib(1024))
    print("interval \(MemwhyService.interval?.bytes ?? 0)")

    sink.ask("heap.pb.gz", "/debug/pprof/heap")
    sink.ask("allocs.pb.gz", "debug/pprof/allocs", "gc=1")
    sink.ask("bare.pb.gz", "/debug/pprof/heap", "symbolize=none")
    sink.ask("text", "/debug/pprof/heap", "debug=1")
    sink.ask("index", "/debug/pprof/")
    sink.ask("unknown", "/debug/pprof/goroutine")
    sink.ask("bad", "/debug/pprof/heap", "seconds=soon")
    try follow(ByteCount(1))
    let more = Task(name: "later") {
      try? await Task.sleep(for: .milliseconds(300))
      try? follow(ByteCount(1))
      return keepBlocks(111)
    }
    let change: MemwhyService.Response = await MemwhyService.response(
      path: "/debug/pprof/heap", query: "seconds=1&symbolize=none")
    sink.write("change.pb.gz", change)
    kept.append(await more.value)
    print("blocks \(kept.reduce(0) { $0 + $1.blocks.count })")
    print("READY")
    fflush(nil)
    while true { try? await Task.sleep(for: .seconds(3600)) }
  }
}
