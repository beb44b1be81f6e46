import Synchronization

/// Counts the changes of keys, so that a load knows when it has finished whether what it brings is out of date already.
///
/// Keys share counters: a load that meets a change of another key in its counter is not kept, which costs a miss and no more.
final class InvalidationStamps: Sendable {
  private let counters: Mutex<[UInt32]>

  init(count: Int = 1024) { counters = Mutex(Array(repeating: 0, count: max(1, count))) }

  func stamp(of hash: Int) -> UInt32 {
    counters.withLock { $0[Int(UInt(bitPattern: hash) % UInt($0.count))] }
  }

  func advance(_ hash: Int) {
    counters.withLock { $0[Int(UInt(bitPattern: hash) % UInt($0.count))] &+= 1 }
  }

  func advanceAll() {
    counters.withLock { counters in
      for index in counters.indices { counters[index] &+= 1 }
    }
  }
}
