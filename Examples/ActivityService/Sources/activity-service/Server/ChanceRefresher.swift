import Logging
import ServiceLifecycle

/// Reads the chances anew, again and again.
struct ChanceRefresher: Service {
  let cache: ChanceCache
  let database: ActivityDatabase
  /// Seconds between two refreshes.
  let interval: Double
  let logger: Logger

  func run() async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do { try cache.refresh(from: database) } catch { logger.error("no chances: \(error)") }
        try? await Task.sleep(for: .seconds(interval))
      }
    }
  }
}
