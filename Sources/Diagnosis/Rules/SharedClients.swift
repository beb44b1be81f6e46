/// What a process needs one of: each has connections, threads or caches of its own, and lives until it is told to end.
package enum SharedClients {
  static let all: [(type: String, advice: String)] = [
    (
      "AsyncHTTPClient.HTTPClient",
      "make one HTTPClient for the process (`HTTPClient.shared`), or `shutdown()` each when it is done: each has a connection pool of its own"
    ),
    (
      "GRPCCore.GRPCClient",
      "make one GRPCClient for each service that is called, or end each with `beginGracefulShutdown()`: each has connections of its own"
    ),
    (
      "NIOPosix.MultiThreadedEventLoopGroup",
      "use `MultiThreadedEventLoopGroup.singleton`, or shut each group down: each has threads of its own"
    ),
    ("GRDB.DatabasePool", "open one DatabasePool for each file and keep it: each has connections with a page cache"),
    ("GRDB.DatabaseQueue", "open one DatabaseQueue for each file and keep it: each has a connection with a page cache"),
    (
      "FoundationNetworking.URLSession",
      "use one URLSession, or call `finishTasksAndInvalidate()` when it is done: each has connections of its own"
    ),
  ]

  static func isClient(_ name: String, _ type: String) -> Bool {
    name == type || name.hasPrefix(type + "<")
  }

  /// What to do about the first of these types that is such a client; nil where none is.
  package static func advice(ofTypes names: [String]) -> String? {
    names.lazy.compactMap { name in all.first { isClient(name, $0.type) }?.advice }.first
  }
}
