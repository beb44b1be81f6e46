import SwiftMetadata
import Synchronization

/// The decoder behind a lock: typing uses it from one thread, marking asks it about tasks from several.
final class SharedDecoder: ObjectTypeDecoder, @unchecked Sendable {
  private let decoder: MetadataDecoder
  private let lock = Mutex<Void>(())

  init(_ decoder: MetadataDecoder) { self.decoder = decoder }

  func objectType(head: UInt64, address: UInt64, size: UInt64) -> ObjectType? {
    lock.withLock { _ in decoder.objectType(head: head, address: address, size: size) }
  }

  func instanceSize(head: UInt64) -> UInt64? { lock.withLock { _ in decoder.instanceSize(head: head) } }

  func taskInfo(at address: UInt64) -> TaskInfo? {
    lock.withLock { _ in decoder.taskInfo(at: address) }
  }

  func asyncFrames(at address: UInt64) -> [AsyncFrame] {
    lock.withLock { _ in decoder.taskInfo(at: address).map { decoder.asyncFrames(of: $0) } ?? [] }
  }

  func storedFields(ofElementsOf head: UInt64) -> [StoredField] {
    lock.withLock { _ in decoder.storedFields(ofElementsOf: head) }
  }

  func elementFields(ofStorage head: UInt64) -> [StoredField] {
    lock.withLock { _ in decoder.elementFields(ofStorage: head) }
  }

  func storedFields(ofInstances head: UInt64) -> [StoredField] {
    lock.withLock { _ in decoder.storedFields(ofInstances: head) }
  }
}
