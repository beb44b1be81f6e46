import Foundation
import LocalCache
import Synchronization

/// What is compared. Every one maps Int to a value of type V.
final class LockedDictionary<V: Sendable>: Sendable {
  let storage = Mutex<[Int: V]>([:])
  func get(_ key: Int) -> V? { storage.withLock { $0[key] } }
  func set(_ key: Int, _ value: V) { storage.withLock { $0[key] = value } }
}

actor DictionaryActor {
  var storage: [Int: Int] = [:]
  func get(_ key: Int) -> Int? { storage[key] }
  func set(_ key: Int, _ value: Int) { storage[key] = value }
}

final class Payload: Sendable {
  let number: Int
  init(_ number: Int) { self.number = number }
}

final class Foundations: @unchecked Sendable {
  let cache = NSCache<NSNumber, NSNumber>()
}
