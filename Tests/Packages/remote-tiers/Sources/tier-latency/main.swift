import Foundation
import LocalCache
import LocalCacheRedis

// What reads take with a server that is there, that is gone, and that takes connections and says nothing.
// usage: swift run -c release --package-path Tests/Packages/remote-tiers tier-latency PORT     (of an idle redis-server)
guard let port = CommandLine.arguments.dropFirst().first.flatMap({ Int($0) }), (1...65535).contains(port) else {
  FileHandle.standardError.write(Data("usage: tier-latency PORT\n".utf8))
  exit(64)
}

func cache(_ port: Int) -> TieredCache<Int, String> {
  let name = "latency-\(getpid())"
  return TieredCache(name: name, limit: .entries(100_000), remote: RedisTier(RedisConfiguration(port: port)))
}

func measure(_ name: String, _ keys: Range<Int>, _ read: (Int) async throws -> Void) async rethrows {
  var times: [Double] = []
  let clock = ContinuousClock()
  for key in keys {
    let time = try await clock.measure { try await read(key) }
    times.append(time / .microseconds(1))
  }
  let total = times.reduce(0, +)
  times.sort()
  let values = [0.5, 0.99, 1].map { times[min(times.count - 1, Int(Double(times.count) * $0))] }
  let cells = ([total / Double(times.count)] + values).map { String(format: "%10.1f", $0) }.joined()
  print(name.padding(toLength: 46, withPad: " ", startingAt: 0) + cells)
}

let load: @Sendable (Int) async throws -> String? = { "a value of some length, number \($0)" }

print(
  "microseconds, one read after the other".padding(toLength: 46, withPad: " ", startingAt: 0)
    + "      mean    median       99%   longest")
let (first, second) = (cache(port), cache(port))
while !first.statistics.isInvalidated || !second.statistics.isInvalidated {
  try await Task.sleep(for: .milliseconds(5))
}
try await measure("loaded, and stored in both tiers", 0..<5000) { _ = try await first.value(for: $0, load: load) }
while first.statistics.writes < 5000 { try await Task.sleep(for: .milliseconds(5)) }
try await measure("from the local tier", 0..<5000) { _ = try await first.value(for: $0, load: load) }
try await measure("from the remote tier", 0..<5000) { _ = try await second.value(for: $0, load: load) }
precondition(second.statistics.loads == 0)

let third = cache(port)
while !third.statistics.isInvalidated { try await Task.sleep(for: .milliseconds(5)) }
let clock = ContinuousClock()
let time = try await clock.measure {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for task in 0..<50 {
      group.addTask { for key in 0..<100 { _ = try await third.value(for: task * 100 + key, load: load) } }
    }
    try await group.waitForAll()
  }
}
print(String(format: "from the remote tier, 50 tasks: %.0f reads a second", 5000 / (time / .seconds(1))))

let gone = cache(1)
try await measure("loaded, nobody listens: the first 50 reads", 0..<50) {
  _ = try await gone.value(for: $0, load: load)
}
try await measure("loaded, nobody listens: later", 50..<5000) { _ = try await gone.value(for: $0, load: load) }

// The kernel takes connections for a socket that listens, whether anybody looks after them or not.
let mute = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
var address = sockaddr_in()
address.sin_family = sa_family_t(AF_INET)
address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
var size = socklen_t(MemoryLayout<sockaddr_in>.size)
withUnsafeMutablePointer(to: &address) {
  $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
    _ = bind(mute, $0, size)
    _ = getsockname(mute, $0, &size)
  }
}
_ = listen(mute, 16)
let silent = cache(Int(in_port_t(bigEndian: address.sin_port)))
try await measure("loaded, no answers: the first 50 reads", 0..<50) { _ = try await silent.value(for: $0, load: load) }
try await measure("loaded, no answers: later", 50..<5000) { _ = try await silent.value(for: $0, load: load) }
let bare = LocalCache<Int, String>(name: "bare", limit: .entries(100_000))
try await measure("loaded by a LocalCache without a second tier", 0..<5000) {
  _ = try await bare.value(for: $0) { "a value of some length, number \($0)" }
}
