import Foundation
import LocalCache
import LocalCacheRedis

// A process of many that ask for the same keys at the same time. Prints a line for each load of its own, and the values at the end.
// With a third word the tier is made while the process can open nothing, or begin no thread.
// usage: tier-worker PORT KEYS [nothing-to-open|no-threads]
let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let shortage = CommandLine.arguments.count > 3 ? CommandLine.arguments[3] : nil
guard arguments.count == 2, (1...65535).contains(arguments[0]), (1...1000).contains(arguments[1]),
  [nil, "nothing-to-open", "no-threads"].contains(shortage)
else {
  FileHandle.standardError.write(Data("usage: tier-worker PORT KEYS [nothing-to-open|no-threads]\n".utf8))
  exit(64)
}
var configuration = TieredConfiguration<Int, String>()
configuration.timeLimit = .seconds(5)
configuration.stampede.longestWait = .seconds(20)
let cache = TieredCache<Int, String>(
  name: "worker", limit: .entries(1000),
  remote: short(of: shortage) { RedisTier(RedisConfiguration(port: arguments[0])) }, configuration: configuration)
try await withThrowingTaskGroup(of: Void.self) { group in
  for key in 0..<arguments[1] {
    group.addTask {
      let value = try await cache.value(for: key) { key in
        print("loaded \(key)")
        try await Task.sleep(for: .milliseconds(300))
        return "value \(key)"
      }
      print("got \(value ?? "nothing")")
    }
  }
  try await group.waitForAll()
}
// Loaded values go to the remote tier in the background.
while cache.statistics.writes + cache.statistics.failedWrites + cache.statistics.outdatedLoads < cache.statistics.loads
{
  try await Task.sleep(for: .milliseconds(5))
}
print("stored \(cache.statistics.writes)")
