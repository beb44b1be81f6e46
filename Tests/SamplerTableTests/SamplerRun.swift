import Foundation
import SamplerTable
import TestSupport

/// The sampler's library, built once per content with the optimiser on: its fast paths rely on it, as in a release.
enum SamplerLibrary {
  static func path() throws -> String {
    let folder = TestProgram.packageRoot.appendingPathComponent("Sources/CMemwhySampler")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let files = names.map { folder.path + "/" + $0 }
    let headers = ["CMemwhySampler.h", "memwhy_table.h"].map { folder.path + "/include/" + $0 }
    var hash: UInt64 = 14_695_981_039_346_656_037
    for file in files + headers {
      for byte in (try? Data(contentsOf: URL(fileURLWithPath: file))) ?? Data() {
        hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211
      }
    }
    let output = TestProgram.packageRoot.appendingPathComponent(".build/test-programs")
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    // The name by which the sampler takes itself out of LD_PRELOAD must stay.
    let place = output.appendingPathComponent("sampler-\(String(hash, radix: 16))")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let library = place.appendingPathComponent("libmemwhysampler.so").path
    if FileManager.default.fileExists(atPath: library) { return library }
    let temporary = library + ".\(getpid()).\(UInt32.random(in: 0 ... .max))"
    try TestProgram.run(
      "clang",
      ["-O2", "-g", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-I", folder.path + "/include"]
        + files.filter { $0.hasSuffix(".c") } + ["-o", temporary])
    guard rename(temporary, library) == 0 else { throw TestFailure("cannot rename \(temporary)") }
    return library
  }
}

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
      guard words.count == 7, words[0] == "site", let address = UInt64(words[2].dropFirst(2), radix: 16) else { return nil }
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
