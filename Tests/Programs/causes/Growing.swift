import Foundation

/// Sessions whose callback captures them.
final class CycleService: Service {
  final class Session {
    var onClose: (() -> Void)?
    let payload = Payload(8_000)
  }

  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<20 {
      let session = Session()
      session.onClose = { print(session.payload.bytes.count) }
    }
    return 20
  }
}

/// Requests whose continuation is dropped when the peer goes.
final class ContinuationService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<40 {
      Task.detached {
        let payload = Payload(12_000)
        await waitForPeer()
        withExtendedLifetime(payload) {}
      }
    }
    usleep(20_000)
    return 40
  }
}

@inline(never)
func waitForPeer() async { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }

/// A cache keyed by what never comes again.
final class CacheService: Service {
  final class Profile { let data = Payload(4_000) }
  var profiles: [Int: Profile] = [:]
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<60 { profiles[profiles.count &* 7919] = Profile() }
    return 60
  }
}

/// A log of lines that is kept for good.
final class StringService: Service {
  var lines: [String] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<300 { lines.append(String(repeating: "request \(number) \(index) ", count: 40)) }
    return 300
  }
}

/// Work that is begun and sleeps.
final class TaskService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<200 {
      Task.detached {
        try? await Task.sleep(for: .seconds(100_000))
        print("late")
      }
    }
    usleep(20_000)
    return 200
  }
}

/// A C library's structures, kept in a list of its own.
final class NativeService: Service {
  nonisolated(unsafe) private static var head: UnsafeMutableRawPointer?

  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    push(&Self.head)
    return 40
  }
}

/// The same, kept by an object.
final class NativeFieldService: Service {
  private var head: UnsafeMutableRawPointer?

  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    push(&head)
    return 40
  }
}

/// Forty blocks, each in front of a list that is linked by first words.
private func push(_ head: inout UnsafeMutableRawPointer?) {
  for _ in 0..<40 {
    guard let block = malloc(6_000) else { continue }
    memset(block, 1, 6_000)
    block.storeBytes(of: head, as: UnsafeMutableRawPointer?.self)
    head = block
  }
}

/// The free that was forgotten.
final class NativeLeakService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<40 {
      guard let block = malloc(6_000) else { continue }
      memset(block, 1, 6_000)
      look(block)
    }
    return 40
  }
}

/// Keeps the compiler from leaving out what nobody reads, without keeping a pointer.
nonisolated(unsafe) var seen: UInt = 0
@inline(never)
func look(_ block: UnsafeMutableRawPointer) { seen = (seen &* 31) ^ UInt(bitPattern: block) }
