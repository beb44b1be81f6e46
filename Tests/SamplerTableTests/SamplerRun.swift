import Foundation
import SamplerTable
import TestSupport

/// A program that runs, or ran, under the sampler without `memwhy run`: the library makes its table itself.
final class SamplerRun {
  let table: String
  let environment: [String: String]

  init(interval: UInt64 = 1, seed: UInt64 = 1, tableSize: Int = 16 << 20, extra: [String: String] = [:]) throws {
    table = NSTemporaryDirectory() + "memwhy-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).table"
    environment = [
      "LD_PRELOAD": try SamplerLibrary.path(), "MEMWHY_SAMPLER_TABLE": table, "MEMWHY_SAMPLER_INTERVAL": "\(interval)",
      "MEMWHY_SAMPLER_SEED": "\(seed)", "MEMWHY_SAMPLER_TABLE_SIZE": "\(tableSize)",
    ].merging(extra) { $1 }
  }

  deinit { unlink(table) }

  /// Runs a program to its end.
  func run(_ program: String, _ arguments: [String] = [], timeout: TimeInterval = 120) throws -> Command.Result {
    try Command.run(program, arguments, environment: environment, timeout: timeout)
  }

  func read(now: UInt64? = nil) throws -> SamplerTable {
    try TableReader(TableSource(path: table)).read(now: now)
  }
}

/// What `known.c` prints of its places.
struct KnownPlace {
  var name: String
  var address: UInt64
  var count, bytes, liveCount, liveBytes: Double

  static func parse(_ output: String) -> [KnownPlace] {
    output.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 7, words[0] == "site", let address = UInt64(words[2].dropFirst(2), radix: 16) else {
        return nil
      }
      let numbers = words[3...].compactMap { Double($0) }
      guard numbers.count == 4 else { return nil }
      return KnownPlace(
        name: String(words[1]), address: address, count: numbers[0], bytes: numbers[1], liveCount: numbers[2],
        liveBytes: numbers[3])
    }
  }

  /// Its sites: the leaf lies in the place's 256 bytes of code.
  func sites(_ table: SamplerTable) -> [SamplerTable.Site] {
    table.sites.filter { site in site.addresses.first.map { $0 >= address && $0 < address + 256 } ?? false }
  }
}

enum KnownProgram {
  static func path() throws -> String {
    try TestProgram.path(
      "sampler/known.c", .c(["-O1", "-fno-omit-frame-pointer", "-pthread", "-g", "-Wl,--build-id", "-ldl"]))
  }
}
