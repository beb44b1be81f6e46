// What a capture costs inside a task: synchronous frames on an async function with several callers that wait. Prints a line a depth.

import Foundation

@inline(never) func leaf(_ depth: Int) -> capture {
  if depth > 0 {
    let result = leaf(depth - 1)
    return result.depth > 0 ? result : result
  }
  return capture_here(20_000)
}

@inline(never) func awaiting(_ callers: Int, _ frames: Int) async -> capture {
  if callers > 0 {
    let result = await awaiting(callers - 1, frames)
    return result
  }
  await Task.yield()
  return leaf(frames)
}

@main struct Capture {
  static func main() async {
    let failure = capture_start()
    guard failure == 0 else {
      FileHandle.standardError.write(
        Data("the sampler does not start (memwhy_start_result \(failure))\n".utf8))
      exit(1)
    }
    for (callers, frames) in [(0, 8), (5, 8), (15, 8), (30, 40)] {
      let result = await Task.detached { await awaiting(callers, frames) }.value
      print(
        "\(result.depth) \(result.async_callers) \(Int(result.stack + 0.5)) \(Int(result.stack_p99 + 0.5)) \(Int(result.sample + 0.5))"
      )
    }
  }
}
