import Foundation
import Glibc
import TestSupport
import Testing

/// `memwhy serve` under more connections than it has descriptors.
@Suite struct ServeVerbTests {
  /// Whoever opens connections without end is cut off; the server stays.
  @Test func moreConnectionsThanDescriptorsEndNothing() throws {
    let history = NSTemporaryDirectory() + "memwhy-serve-\(UInt64.random(in: 0 ... .max)).db"
    let serve = [try MemwhyBinary.path(), "serve", "--port", "0", "--history", history]
    let server = try RunningProgram(
      "/bin/sh", ["-c", "ulimit -n 48; exec \"$@\"", "sh"] + serve, ready: "/?token=")
    defer { server.stop() }
    let port = try #require(
      server.output.split(separator: ":").last.flatMap { UInt16($0.prefix { $0.isNumber }) })
    for _ in 0..<2 {
      let greedy = (0..<100).map { _ in try? RawClient(port: port) }
      withExtendedLifetime(greedy) { _ = usleep(500_000) }
      var answer = ""
      for _ in 0..<50 where !answer.hasPrefix("HTTP/1.1 200") {
        usleep(100_000)
        answer = Self.ask(port)
      }
      #expect(answer.hasPrefix("HTTP/1.1 200") && server.isRunning, "\(answer.prefix(100))")
    }
  }

  /// Swift's pool ends the program where it can open no file; that comes soon, or late, or never.
  @Test(arguments: [5, 9, 16]) func tooFewDescriptorsToBegin(limit: Int) throws {
    let history = NSTemporaryDirectory() + "memwhy-serve-\(UInt64.random(in: 0 ... .max)).db"
    let words = "ulimit -n \(limit); exec '\(try MemwhyBinary.path())' serve --port 0 --history '\(history)'"
    let result = try Command.run("/bin/sh", ["-c", words])
    #expect(result.status == 70, "\(result.status) \(result.errors)")
    #expect(result.errors.contains("ulimit -n"), "\(result.errors)")
  }

  private static func ask(_ port: UInt16) -> String {
    guard let client = try? RawClient(port: port, patience: 5) else { return "" }
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return client.receive()
  }
}
