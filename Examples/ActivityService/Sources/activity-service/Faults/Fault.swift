import ArgumentParser
import NIOCore

/// A genuine fault beside the cache. One file a fault; the table is `FaultName.make`.
protocol Fault: Sendable {
  /// Called for every request for activities.
  func request(_ user: Int64, agent: String) async
  /// Called for every connection.
  func connectionHandlers() -> [any RemovableChannelHandler]
  /// What it has lost or piled up so far, in its own unit: the truth that an answer from outside is compared with.
  var count: Int { get }
}

extension Fault {
  func request(_ user: Int64, agent: String) async {}
  func connectionHandlers() -> [any RemovableChannelHandler] { [] }
}

enum FaultName: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// Every connection's log holds a closure that holds the log.
  case retainCycle = "retain-cycle"
  /// A task a request waits for an answer that nobody will give.
  case lostContinuation = "lost-continuation"
  /// An unbounded stream whose consumer is slower than its producers.
  case stream
  /// A C library's object that is not given back.
  case cLeak = "c-leak"
  /// A thread every few requests, none of which ends.
  case threads
  /// Small long-lived blocks between large short-lived ones: free memory that cannot be used.
  case fragmentation

  static let list = allCases.map(\.rawValue).joined(separator: ", ")

  func make() -> any Fault {
    switch self {
    case .retainCycle: RetainCycleFault()
    case .lostContinuation: LostContinuationFault()
    case .stream: StreamFault()
    case .cLeak: CLeakFault()
    case .threads: ThreadsFault()
    case .fragmentation: FragmentationFault()
    }
  }
}
