import LocalCache

struct Thumbnail: Sendable {
  let pixels: [UInt8]
}

final class Thumbnails: Sendable {
  private let cache = LocalCache<String, Thumbnail>(name: "thumbnails", limit: .bytes(.mebibytes(64)))

  func thumbnail(_ path: String) -> Thumbnail? { cache.get(path) }

  func keep(_ thumbnail: Thumbnail, for path: String) { cache.set(thumbnail, for: path) }
}
