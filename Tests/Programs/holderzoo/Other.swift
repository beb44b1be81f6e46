// holderzoo documents N equal|shared   N documents, 10 different contents, each stored anew or once
// holderzoo tasks N                    N tasks that wait for a continuation that is kept, and N whose continuation is lost
import Glibc

final class Document {
  let title: String
  let numbers: [Int]
  let tags: [String: Int]
  init(_ kind: Int) {
    title = "The title of document number \(kind), too long to be inline"
    numbers = Array(0..<(100 + kind))
    tags = ["first tag of \(kind), too long to be inline": kind, "b": 2, "c": 3]
  }
}

nonisolated(unsafe) var documents: [Document] = []
nonisolated(unsafe) var waiting: [UnsafeContinuation<Void, Never>] = []

func holdDocuments(_ count: Int, shared: Bool) {
  documents.reserveCapacity(count)
  let originals = (0..<10).map { Document($0) }
  for number in 0..<count { documents.append(shared ? originals[number % 10] : Document(number % 10)) }
}

@MainActor func waitForKept() async { await withUnsafeContinuation { waiting.append($0) } }
@MainActor func waitForLost() async { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }

func holdTasks(_ count: Int) async {
  for _ in 0..<count {
    Task { @MainActor in
      await waitForKept()
      print("resumed")
    }
    Task { @MainActor in
      await waitForLost()
      print("resumed")
    }
  }
  try? await Task.sleep(for: .milliseconds(300))
}
