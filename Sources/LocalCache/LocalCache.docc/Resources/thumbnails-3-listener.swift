import LocalCache

/// Pixels in memory that a C library gave us.
final class Picture: Sendable, MemorySized {
  let rows: Int
  let bytesPerRow: Int
  init(rows: Int, bytesPerRow: Int) {
    self.rows = rows
    self.bytesPerRow = bytesPerRow
  }

  var heapBytes: Int { rows * bytesPerRow }
}

final class Thumbnails: Sendable {
  private let cache: LocalCache<String, Picture>

  init() {
    var configuration = LocalCache<String, Picture>.Configuration()
    configuration.removalListener = { path, _, cause in
      if cause == .size { print("no room for \(path) any more") }
    }
    cache = LocalCache(name: "thumbnails", limit: .bytes(.mebibytes(64)), configuration: configuration)
  }

  func thumbnail(_ path: String) -> Picture? { cache.get(path) }

  func keep(_ picture: Picture, for path: String) { cache.set(picture, for: path) }
}
