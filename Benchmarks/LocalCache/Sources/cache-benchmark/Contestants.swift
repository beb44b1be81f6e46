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
