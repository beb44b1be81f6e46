// Tasks that allocate under several awaiting callers, on the default executor, a custom one, in groups and with async let; beside them
// plain queues. Prints its own count of what it did.
import Dispatch
import Foundation

final class Document: @unchecked Sendable {
  var id: Int
  var bytes: [UInt8]
  init(_ id: Int) {
    self.id = id
    bytes = [UInt8](repeating: 1, count: 2048)
  }
}

@inline(never) func makeDocument(_ id: Int) -> Document { Document(id) }
@inline(never) func words(_ count: Int) -> [String: Int] {
  var result: [String: Int] = [:]
  for index in 0..<count { result["a key that does not fit inline \(index)"] = index }
  return result
}
@inline(never) func parse(_ id: Int) async -> Document {
  await Task.yield()
  return makeDocument(id)
}
@inline(never) func load(_ id: Int) async throws -> Document {
  let document = await parse(id)
  document.id += words(20).count
  return document
}
@inline(never) func handle(_ id: Int) async -> Document { (try? await load(id)) ?? Document(0) }

final class QueueExecutor: SerialExecutor {
  let queue = DispatchQueue(label: "executor")
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

actor Store {
  private let executor = QueueExecutor()
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
  private var all: [Int: String] = [:]
  func put(_ document: Document) async -> Int {
    all[document.id] = "a value that does not fit inline \(document.id)"
    async let more = words(10).count
    return await more + all.count
  }
}

@main struct Tasks {
  static func main() async {
    let count = Int(CommandLine.arguments.dropFirst().first ?? "") ?? 1000
    let store = Store()
    let sum = await withTaskGroup(of: Int.self) { group in
      for id in 0..<count {
        group.addTask {
          let document = await handle(id)
          return await store.put(document)
        }
      }
      return await group.reduce(0, +)
    }
    let group = DispatchGroup()
    for id in 0..<count / 4 { DispatchQueue.global().async(group: group) { _ = words(id % 20) } }
    await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
    let text = (try? JSONEncoder().encode(["numbers": Array(0..<count)])) ?? Data()
    let back = (try? JSONDecoder().decode([String: [Int]].self, from: text)) ?? [:]
    print("done", sum > 0, back.count)
  }
}
