// Tasks with names that keep memory and know how much. Prints `NAME BYTES`, with `-` for no name, then READY.
//
// usage: tasknames [MANY]     MANY tasks more, each with a name of its own
import Glibc

/// Blocks that stay.
struct Kept: @unchecked Sendable {
  var blocks: [UnsafeMutableRawPointer?] = []
}

/// One place for all tasks: nothing but the name tells them apart.
@inline(never) func keep(_ count: Int, _ size: Int) -> Kept {
  var kept = Kept()
  for _ in 0..<count { kept.blocks.append(malloc(size)) }
  return kept
}

/// Under a cancellation handler, with children of its own: status records lie above the name's.
@inline(never) func busy(_ count: Int, _ size: Int) async -> Kept {
  await withTaskCancellationHandler {
    async let child = keep(1, 16)
    await Task.yield()
    let kept = keep(count, size)
    _ = await child
    return kept
  } onCancel: {
  }
}

@main struct TaskNames {
  static func main() async {
    let long = "a name that is longer than what is kept of it: ünïcödé and more"
    let loader = Task(name: "loader") { await busy(100, 1001) }
    let detached = Task.detached(name: "indexer") { keep(50, 2002) }
    let unnamed = Task { await busy(70, 3003) }
    let longest = Task(name: long) { await busy(30, 4004) }
    let children = await withTaskGroup(of: Kept.self) { group in
      for index in 0..<4 { group.addTask(name: "child \(index)") { await busy(10, 5005) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    let all = [await loader.value, await detached.value, await unnamed.value, await longest.value] + children
    let many = Int(CommandLine.arguments.dropFirst().first ?? "") ?? 0
    for index in 0..<many { await Task(name: "one of many, number \(index)") { _ = keep(1, 64) }.value }
    print("loader \(100 * 1001)\nindexer \(50 * 2002)\n- \(70 * 3003)\n\(long) \(30 * 4004)")
    for index in 0..<4 { print("child \(index) \(10 * 5005)") }
    print("blocks \(all.reduce(0) { $0 + $1.blocks.count })")
    print("READY")
    fflush(nil)
    while true { try? await Task.sleep(for: .seconds(3600)) }
  }
}
