/// A product page, rendered once.
final class ProductPage: Sendable {
  let id: Int
  let html: String

  init(id: Int) {
    self.id = id
    self.html = "<h1>Product \(id)</h1>" + String(repeating: "<p>description</p>", count: 20)
  }
}

/// A healthy cache: it grows to its limit and stays there. The least recently used page makes room.
actor ProductCache {
  private var pages: [Int: (page: ProductPage, used: Int)] = [:]
  private var clock = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func page(_ id: Int) -> ProductPage {
    clock += 1
    if let entry = pages[id] {
      pages[id] = (entry.page, clock)
      return entry.page
    }
    if pages.count >= limit, let oldest = pages.min(by: { $0.value.used < $1.value.used }) {
      pages.removeValue(forKey: oldest.key)
    }
    let page = ProductPage(id: id)
    pages[id] = (page, clock)
    return page
  }

  var count: Int { pages.count }
}
