import Foundation

/// A collection that grows while another one, filled before, empties at half its speed.
final class MovingService: Service {
  final class Shelf {
    var old = (0..<12_000).map { _ in Payload(2_000) }
    var new: [String: Payload] = [:]
  }
  private let shelf = Shelf()
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<200 {
      shelf.new["row \(number) \(index)"] = Payload(2_000)
      if index % 2 == 0, !shelf.old.isEmpty { shelf.old.removeLast() }
    }
    return 200
  }
}

/// One task whose local variable grows; the task sleeps in between.
final class TaskCacheService: Service {
  private let source: AsyncStream<Void>.Continuation
  init() {
    let (turns, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.source = source
    Task.detached { await refresh(turns) }
  }
  func turn(_ number: Int) -> Int {
    churn()
    source.yield()
    usleep(20_000)
    return 100
  }
}

@inline(never)
func refresh(_ turns: AsyncStream<Void>) async {
  var rows: [Int: Payload] = [:]
  for await _ in turns {
    for _ in 0..<100 { rows[rows.count] = Payload(4_000) }
    try? await Task.sleep(nanoseconds: 1_000_000)
  }
  print(rows.count)
}

/// More kinds of leak than a report tells one by one.
final class LeakKindsService: Service {
  class Kind {
    var me: Kind?
    let payload = Payload(2_000)
  }
  final class A: Kind {}
  final class B: Kind {}
  final class C: Kind {}
  final class D: Kind {}
  final class E: Kind {}
  final class F: Kind {}
  final class G: Kind {}
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<20 {
      for kind in [A(), B(), C(), D(), E(), F(), G()] { kind.me = kind }
    }
    return 20
  }
}
