// sleepingtasks N   N tasks that sleep for hours, whose handles are kept, after N others that have ended and that nobody keeps. Each can go on.
// Prints `READY`.
import Glibc

@main struct Main {
  @MainActor static var handles: [Task<Void, Never>] = []

  @MainActor static func main() async {
    let count = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 100
    await withTaskGroup(of: Int.self) { group in
      for number in 0..<count {
        group.addTask {
          try? await Task.sleep(for: .milliseconds(1))
          return number
        }
      }
      for await _ in group {}
    }
    for _ in 0..<count { handles.append(Task { try? await Task.sleep(for: .seconds(36_000)) }) }
    // Long enough for all of them to have gone to sleep.
    try? await Task.sleep(for: .milliseconds(500))
    print("READY")
    fflush(nil)
    try? await Task.sleep(for: .seconds(36_000))
    print(handles.count)
  }
}
