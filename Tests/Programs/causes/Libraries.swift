import Foundation

/// A list of C's, as libraries keep callbacks: each node has a reference as its context, and nobody removes one.
final class CallbackService: Service {
  struct Node {
    var context: UnsafeMutableRawPointer
    var next: UnsafeMutablePointer<Node>?
  }
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 {
      let node = UnsafeMutablePointer<Node>.allocate(capacity: 1)
      node.initialize(to: Node(context: Unmanaged.passRetained(Payload(4_000)).toOpaque(), next: registeredCallbacks))
      registeredCallbacks = node
    }
    return 60
  }
}

nonisolated(unsafe) var registeredCallbacks: UnsafeMutablePointer<CallbackService.Node>?

/// More blocks than the queue runs: it waits for a block that never ends.
final class BacklogService: Service {
  init() { outgoing.async { sleep(100_000) } }
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 {
      let payload = Payload(4_000)
      outgoing.async { withExtendedLifetime(payload) {} }
    }
    return 60
  }
}

let outgoing = DispatchQueue(label: "outgoing")

/// Observers that are added for each request and never removed.
final class ObserverService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 {
      let payload = Payload(4_000)
      _ = NotificationCenter.default.addObserver(forName: .init("changed"), object: nil, queue: nil) { _ in
        withExtendedLifetime(payload) {}
      }
    }
    return 60
  }
}
