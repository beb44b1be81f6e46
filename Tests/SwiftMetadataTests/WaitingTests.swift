import Foundation
import Testing

@testable import SwiftMetadata

/// Those who wait for an answer: how they are kept, and what the runtime says of those who were dropped.
@Suite struct WaitingTests {
  private enum Reply {
    case idle
    case waiting(CheckedContinuation<Int, Never>, since: Int)
    case done(String)
  }

  /// Elements may be cases of which one has the continuation.
  @Test func casesOfElementsAreListed() throws {
    let decoder = try OwnProcess.decoder()
    func fields(_ storage: UInt) -> [String] {
      guard let head = UnsafePointer<UInt64>(bitPattern: storage)?.pointee else { return [] }
      return decoder.elementFields(ofStorage: head).map { "\($0.path): \($0.typeName)" }
    }
    let expected = ["waiting: CheckedContinuation<Int, Never>", "waiting: Int", "done: String"]
    let list: [Reply] = [.idle, .done("text")]
    let table: [Int: Reply] = [1: .done("text")]
    withExtendedLifetime((list, table)) {
      #expect(fields(unsafeBitCast(list, to: UInt.self)) == expected)
      #expect(fields(unsafeBitCast(table, to: UInt.self)) == expected)
    }
  }

  @Test func textsOfWarningsAreTold() throws {
    let decoder = try OwnProcess.decoder()
    func type(_ text: String) throws -> ObjectType? {
      let memory = try #require(strdup(text))
      defer { free(memory) }
      let head = UnsafeRawPointer(memory).loadUnaligned(as: UInt64.self)
      return decoder.objectType(
        head: head, address: UInt64(UInt(bitPattern: memory)), size: OwnProcess.usableSize(memory))
    }
    let text =
      "SWIFT TASK CONTINUATION MISUSE: fetch(id:) leaked its continuation without resuming it. This may cause tasks"
    let found = try #require(try type(text))
    #expect(found.name == ObjectType.runtimeWarnings && found.layout == ObjectLayout.none)
    #expect(try type("SWIFT " + text) == nil)
  }
}
