import Foundation
import Synchronization

extension Process {
  private static let starting = Mutex(())

  /// Starts it while no other one starts.
  ///
  /// A child is taken for running as long as anybody has the other end of a socket that it was given (swift-corelibs-foundation, Process.swift), and
  /// one that another thread starts in the same instant inherits that end: `waitUntilExit` would wait for both.
  func runByItself() throws { try Self.starting.withLock { _ in try run() } }
}
