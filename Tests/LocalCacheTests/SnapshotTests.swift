import Foundation
import LocalCache
import Testing

@Suite struct SnapshotTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "local-cache-\(UInt64.random(in: 0 ... .max)).snapshot"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func cache() -> LocalCache<Int, String> { LocalCache(name: "snapshot", limit: .entries(5000)) }

  @Test func whatWasWrittenIsThereAgain() throws {
    try withFile { path in
      let cache = cache()
      for key in 0..<1000 { cache.set("value \(key)", for: key) }
      let written = try cache.writeSnapshot(to: path)
      #expect(written == 1000)
      let next = self.cache()
      #expect(next.readSnapshot(from: path) == .restored(1000))
      #expect(next.get(77) == "value 77")
      let few = try cache.writeSnapshot(to: path, maximumEntries: 10)
      #expect(few == 10)
      let small = try cache.writeSnapshot(to: path, maximumSize: .kibibytes(1))
      #expect(small > 0 && small < 60)
    }
  }

  @Test func damagedFilesAreIgnored() throws {
    try withFile { path in
      #expect(cache().readSnapshot(from: path) == .noSnapshot)
      let full = cache()
      for key in 0..<100 { full.set("value \(key)", for: key) }
      try full.writeSnapshot(to: path)
      let good = try Data(contentsOf: URL(fileURLWithPath: path))
      var random = Generator(state: 23)
      for _ in 0..<200 {
        var bad = good
        if Bool.random(using: &random) {
          bad = bad.prefix(Int.random(in: 0..<bad.count, using: &random))
        } else {
          bad[Int.random(in: 0..<bad.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        }
        try bad.write(to: URL(fileURLWithPath: path))
        let cache = cache()
        switch cache.readSnapshot(from: path) {
        case .ignored: #expect(cache.count == 0)
        // The number of entries in the second line is not under the checksum; the entries are.
        case .restored(let count): #expect(count == 100)
        case .noSnapshot: Issue.record("the file is there")
        }
      }
    }
  }
}
