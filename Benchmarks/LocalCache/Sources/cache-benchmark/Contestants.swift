import Foundation
import LocalCache
import Synchronization

/// What is compared. Every one maps Int to a value of type V.
final class LockedDictionary<V: Sendable>: Sendable {
  let storage = Mutex<[Int: V]>([:])
  func get(_ key: Int) -> V? { storage.withLock { $0[key] } }
  func set(_ key: Int, _ value: V) { storage.withLock { $0[key] = value } }
}

/// A dictionary that is kept at its size in the plainest way: for each new key the oldest goes. What a bounded cache does more than a dictionary that
/// only grows is in here too.
final class BoundedDictionary<V: Sendable>: Sendable {
  private struct State {
    var values: [Int: V] = [:]
    /// Keys in the order in which they came.
    var keys: [Int] = []
    var oldest = 0
  }
  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func set(_ key: Int, _ value: V) {
    state.withLock { state in
      guard state.values.updateValue(value, forKey: key) == nil else { return }
      if state.keys.count < limit {
        state.keys.append(key)
      } else {
        state.values[state.keys[state.oldest]] = nil
        state.keys[state.oldest] = key
        state.oldest = state.oldest + 1 == limit ? 0 : state.oldest + 1
      }
    }
  }
}

actor DictionaryActor {
  private var storage: [Int: Int] = [:]
  func get(_ key: Int) -> Int? { storage[key] }
  func set(_ key: Int, _ value: Int) { storage[key] = value }
}

/// NSCache as it is used on Linux: keys and values are objects, made for each call as a service would.
final class FoundationCache: @unchecked Sendable {
  private let cache = NSCache<NSNumber, NSNumber>()
  func get(_ key: Int) -> Int? { cache.object(forKey: NSNumber(value: key))?.intValue }
  func set(_ key: Int, _ value: Int) { cache.setObject(NSNumber(value: value), forKey: NSNumber(value: key)) }
}

final class Payload: Sendable {
  let number: Int
  init(_ number: Int) { self.number = number }
}
