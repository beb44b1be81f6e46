import Foundation

final class Thumbnail {
  let pixels: [UInt8]
  init(pixels: [UInt8]) { self.pixels = pixels }
}

final class Thumbnails {
  private let cache = NSCache<NSString, Thumbnail>()

  init() { cache.totalCostLimit = 64 << 20 }

  func thumbnail(_ path: String) -> Thumbnail? { cache.object(forKey: path as NSString) }

  func keep(_ thumbnail: Thumbnail, for path: String) {
    cache.setObject(thumbnail, forKey: path as NSString, cost: thumbnail.pixels.count)
  }
}
