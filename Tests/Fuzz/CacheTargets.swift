import Foundation

@testable import LocalCache

/// Files that a cache reads at its start.
enum CacheTargets {
  /// Lines of entries behind a heading whose checksum fits.
  static func snapshot(_ bytes: [UInt8]) {
    let lines = bytes.count { $0 == 10 }
    let contents = SnapshotFile.contents(
      lines: Data(bytes), count: lines, written: 1_700_000_000, types: "Swift.Int Swift.String")
    FileTargets.withPath([UInt8](contents)) { path in
      let cache = LocalCache<Int, String>(name: "fuzz", limit: .entries(100))
      _ = cache.readSnapshot(from: path)
    }
    FileTargets.withPath(bytes) { path in
      let cache = LocalCache<Int, String>(name: "fuzz", limit: .bytes(.kibibytes(64)))
      _ = cache.readSnapshot(from: path)
    }
  }
}
