/// What the cache would hit at other sizes, worked out from a sample of its own traffic.
///
/// `lruHitRatio` is exact for the sample: reuse distances in weight, counted with a Fenwick tree (Mattson et al. 1970; SHARDS, FAST 2015).
/// `hitRatio` is what this cache's policy would reach: the sample is replayed through the policy itself in miniature.
public struct MissRatioCurve: Sendable {
  /// One size.
  public struct Point: Sendable {
    /// The limit, in the unit of the cache's.
    public let size: Int
    /// Hits of all look-ups with the cache's policy, 0 to 1.
    public let hitRatio: Double
    /// The same for a cache that evicts the least recently used.
    public let lruHitRatio: Double
  }

  /// Sizes in ascending order: every tenth of the limit, and up to four times the limit.
  public let points: [Point]
  /// Look-ups that the curve is made of. Below some thousand it is a guess.
  public let sampledRequests: Int

  /// The hit ratio at a size, between the points on a straight line.
  public func hitRatio(at size: Int) -> Double {
    var before: (size: Int, ratio: Double) = (0, 0)
    for point in points {
      if size <= point.size {
        let width = Double(max(point.size - before.size, 1))
        return before.ratio + (point.hitRatio - before.ratio) * Double(max(size - before.size, 0))
          / width
      }
      before = (point.size, point.hitRatio)
    }
    return before.ratio
  }

  /// The smallest of the sizes at which at least this share of the hits at `size` remains.
  public func smallestSize(keeping share: Double, ofHitsAt size: Int) -> Point? {
    let wanted = hitRatio(at: size) * share
    return points.first { $0.hitRatio >= wanted && $0.size < size }
  }
}

extension MissRatioCurve {
  static let shares: [Double] = [
    0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 3, 4,
  ]

  /// - Parameters:
  ///   - limit: in units of the policy; `unit` is how much one of them is.
  init(sample: AccessSample, limit: UInt64, unit: UInt64) {
    let requests = CurveRequests(sample)
    let sizes = Self.shares.map { max(1, UInt64(Double(limit) * $0)) }
    let lru = requests.lruHitRatios(at: sizes.map { Double($0) * sample.rate })
    points = sizes.indices.map { index in
      Point(
        size: Int(clamping: sizes[index] * unit),
        hitRatio: requests.policyHitRatio(at: Double(sizes[index]) * sample.rate),
        lruHitRatio: lru[index])
    }
    sampledRequests = requests.counted
  }
}

/// The look-ups of a sample with the weights of their keys. The first half warms the models up, the second half is counted.
private struct CurveRequests {
  private var keys: [Int] = []
  private var hashes: [UInt32] = []
  private var weights: [UInt64] = []
  private let firstCounted: Int
  var counted: Int { keys.count - firstCounted }

  init(_ sample: AccessSample) {
    var numbers: [UInt32: Int] = [:]
    for record in sample.records {
      let number = numbers[record.key] ?? numbers.count
      if number == numbers.count {
        numbers[record.key] = number
        hashes.append(UInt32(truncatingIfNeeded: UInt64(record.key) &* 0x9E37_79B9_7F4A_7C15 >> 29))
        weights.append(0)
      }
      if record.weight > 0 { weights[number] = record.weight }
      if record.kind != .stored { keys.append(number) }
    }
    let known = weights.filter { $0 > 0 }
    let mean = known.isEmpty ? 1 : known.reduce(0, +) / UInt64(known.count)
    for index in weights.indices where weights[index] == 0 { weights[index] = max(mean, 1) }
    firstCounted = keys.count / 2
  }

  /// Hit ratios of LRU caches of these weights: an access is a hit where all that was used since the last one fits in.
  func lruHitRatios(at sizes: [Double]) -> [Double] {
    guard counted > 0 else { return sizes.map { _ in 0 } }
    var tree = [UInt64](repeating: 0, count: keys.count + 1)
    func add(_ position: Int, _ amount: UInt64) {
      var index = position + 1
      while index < tree.count {
        tree[index] &+= amount
        index += index & -index
      }
    }
    func sum(below position: Int) -> UInt64 {
      var index = position
      var result: UInt64 = 0
      while index > 0 {
        result &+= tree[index]
        index -= index & -index
      }
      return result
    }
    var last = [Int](repeating: -1, count: hashes.count)
    var total: UInt64 = 0
    var hits = sizes.map { _ in 0 }
    for (position, key) in keys.enumerated() {
      let weight = weights[key]
      if last[key] >= 0 {
        let distance = Double(total &- sum(below: last[key]))
        if position >= firstCounted {
          for index in sizes.indices where distance <= sizes[index] { hits[index] += 1 }
        }
        add(last[key], 0 &- weight)
      } else {
        total &+= weight
      }
      add(position, weight)
      last[key] = position
    }
    return hits.map { Double($0) / Double(counted) }
  }

  /// The same for the cache's own policy.
  func policyHitRatio(at size: Double) -> Double {
    guard counted > 0 else { return 0 }
    var policy = EvictionPolicy(maximum: UInt64(min(max(size, 1), 1e15)))
    defer { policy.deallocate() }
    var ids = [UInt32](repeating: 0, count: hashes.count)
    var owners: [UInt32: Int] = [:]
    var hits = 0
    for (position, key) in keys.enumerated() {
      if ids[key] != 0 {
        policy.recordHit(ids[key])
        if position >= firstCounted { hits += 1 }
        continue
      }
      policy.recordMiss()
      guard weights[key] <= policy.maximum else { continue }
      while let victim = policy.nextVictim(for: weights[key]) {
        policy.remove(victim)
        if let owner = owners.removeValue(forKey: victim) { ids[owner] = 0 }
      }
      let id = policy.insert(hash: hashes[key], weight: weights[key])
      ids[key] = id
      owners[id] = key
    }
    return Double(hits) / Double(counted)
  }
}

extension LocalCache {
  /// What the cache would hit at other sizes. Takes some ten milliseconds; nothing is worked out before somebody asks.
  public var missRatioCurve: MissRatioCurve {
    MissRatioCurve(sample: observer.sample(), limit: bound.maximum, unit: bound.unit)
  }
}
