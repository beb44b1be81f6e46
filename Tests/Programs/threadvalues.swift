// A program whose objects hang on values of `pthread_setspecific`, one in each of three threads, and on task-local values. Prints what it built, then waits.
import Glibc

final class Session {
  let pages: [Int]
  init(_ count: Int) { pages = Array(0..<count) }
}

enum Request {
  @TaskLocal static var trace: Trace?
}

final class Trace: Sendable {
  let spans: [Int]
  init(_ count: Int) { spans = Array(0..<count) }
}

nonisolated(unsafe) var key = pthread_key_t()
nonisolated(unsafe) var waiting: [UnsafeContinuation<Void, Never>] = []

@inline(never) func keep(_ session: Session) {
  pthread_setspecific(key, Unmanaged.passRetained(session).toOpaque())
}

func work(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  keep(Session(1000 * Int(bitPattern: argument)))
  while true { pause() }
}

@MainActor func answer() async { await withUnsafeContinuation { waiting.append($0) } }

@main struct Main {
  @MainActor static func main() async {
    pthread_key_create(&key, nil)
    for number in 1...3 {
      var thread = pthread_t()
      let argument = UnsafeMutableRawPointer(bitPattern: number)
      pthread_create(&thread, nil, work, argument)
    }
    for number in 0..<20 {
      Request.$trace.withValue(Trace(500 + number)) {
        _ = Task { @MainActor in await answer() }
      }
    }
    while waiting.count < 20 { await Task.yield() }
    usleep(100_000)
    print("key \(key)")
    print("READY")
    fflush(nil)
    while true { sleep(100) }
  }
}
