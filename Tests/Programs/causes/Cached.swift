import Foundation

/// The incident in miniature: a local cache keyed by user id, whose values are built from shared data and hardly ever asked for again.
final class PerUserCacheService: Service {
  struct Limits { var daily, total, used: Int64 }
  struct Offer {
    var id: Int64
    var name, details, link, region: String
    var start, end: Int64
    var limits: Limits
    var weight: Double
  }

  final class OfferCache {
    private let lock = NSLock()
    private var offersByUser: [Int64: [String: Offer]] = [:]
    func offers(for user: Int64, make: () -> [String: Offer]) -> [String: Offer] {
      lock.lock()
      defer { lock.unlock() }
      if let known = offersByUser[user] { return known }
      let made = make()
      offersByUser[user] = made
      return made
    }
  }

  static let cache = OfferCache()
  private let catalogue = (0..<50).map { index in
    Offer(
      id: Int64(index), name: "spring campaign, round \(index)", details: "spend 199 and get 20 off in round \(index)",
      link: "https://shop.example/campaigns/\(index)/landing", region: "north-east", start: 0, end: 86_400,
      limits: Limits(daily: 1, total: 2, used: 0), weight: 0.5)
  }
  private let keys = (0..<50).map { "campaign_\(100_000 + $0)_entry" }
  private var user: UInt64 = 42

  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<25 {
      user = user &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let id = Int64(user >> 33) % 1_000_000
      let found = Self.cache.offers(for: id) {
        var offers: [String: Offer] = [:]
        for (key, offer) in zip(keys, catalogue) {
          var own = offer
          own.limits.used = id
          offers[key] = own
        }
        return offers
      }
      if found.count != 50 { print("odd") }
    }
    return 25
  }
}

/// Two registries that grow, held by one object: each is to be named.
final class TwoRegistriesService: Service {
  final class Session { let data = Payload(2_000) }
  final class Hub {
    var sessions: [String: Session] = [:]
    var history: [Payload] = []
  }
  static let hub = Hub()
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for index in 0..<60 {
      Self.hub.sessions["session \(number) \(index)"] = Session()
      Self.hub.history.append(Payload(2_000))
    }
    return 60
  }
}

/// Listeners that have gone; the boxes of the weak references to them have not.
final class WeakBoxService: Service {
  final class Listener { let id = 1 }
  final class WeakBox {
    weak var listener: Listener?
    let label: [UInt8]
    init(_ listener: Listener) {
      self.listener = listener
      label = [UInt8](repeating: 1, count: 600)
    }
  }
  var listeners: [WeakBox] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<200 { listeners.append(WeakBox(Listener())) }
    return 200
  }
}

/// Headers that are kept, cut out of messages that are not meant to be.
final class SliceService: Service {
  var headers: [ArraySlice<UInt8>] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<20 {
      headers.append(Payload(16_000).bytes[0..<20])
    }
    return 20
  }
}

/// One text for each user, the same for all of them.
final class DuplicateService: Service {
  final class Profile { let terms = String(repeating: "the terms of this service ", count: 60) }
  var profiles: [Int: Profile] = [:]
  init() { for user in 0..<20_000 { profiles[user] = Profile() } }
  func turn(_ number: Int) -> Int {
    churn()
    return 100
  }
}

/// Buffers that were full once and keep their room.
final class CapacityService: Service {
  var buffers: [[UInt64]] = []
  init() {
    for index in 0..<400 {
      var buffer = (0..<12_000).map { UInt64($0 &* index) }
      buffer.removeLast(11_900)
      buffers.append(buffer)
    }
  }
  func turn(_ number: Int) -> Int {
    churn()
    return 100
  }
}
