/// Small models of the cache, one for each size of the window, fed with a sample of the keys: they say which size would give most hits.
///
/// Trying a setting on the real cache costs hits and takes ten cache sizes of traffic for each step. A miniature that sees 1/n of the keys and
/// has 1/n of the entries has nearly the same hit ratio (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
/// Miniature Simulations", USENIX ATC 2017), so all settings can be tried at once and a cliff is seen from afar. A window of the whole cache is
/// LRU itself, which is what makes the policy no worse than LRU where recency is all that counts.
@usableFromInline
package struct ShadowCaches {
  /// Shares of the window that are tried.
  package static let shares: [Double] = [0.01, 0.1, 0.3, 0.6, 1]
  @usableFromInline package static let ringCapacity: UInt32 = 64

  private static let windowBit: UInt32 = 1 << 31

  /// `shares.count` models of `capacity` slots. A slot is free when its stamp is 0.
  private var hashes: UnsafeMutablePointer<UInt32>
  private var stamps: UnsafeMutablePointer<UInt32>
  private var counts: [(window: Int, main: Int)]
  private var windows: [Int]
  private var scores: [Double]
  private var sketch: FrequencySketch
  private let capacity: Int
  private var time: UInt32 = 0
  private var sinceChoice = 0
  private var requests = 0.0
  private var current: Int

  package init(capacity: Int, share: Double) {
    self.capacity = capacity
    let models = Self.shares.count
    hashes = .allocate(capacity: models * capacity)
    hashes.initialize(repeating: 0, count: models * capacity)
    stamps = .allocate(capacity: models * capacity)
    stamps.initialize(repeating: 0, count: models * capacity)
    counts = Array(repeating: (0, 0), count: models)
    windows = Self.shares.map { max(1, Int((Double(capacity) * $0).rounded())) }
    scores = Array(repeating: 0, count: models)
    sketch = FrequencySketch(entries: capacity)
    current =
      Self.shares.indices.min { abs(Self.shares[$0] - share) < abs(Self.shares[$1] - share) } ?? 0
  }

  package func deallocate() {
    hashes.deallocate()
    stamps.deallocate()
    sketch.deallocate()
  }

  /// One access of a sampled key. Returns the share to use from now on when it is time to decide.
  package mutating func access(_ hash: UInt32) -> Double? {
    time &+= 1
    if time & (Self.windowBit - 1) == 0 { time = 1 }
    sketch.add(hash)
    for model in 0..<Self.shares.count where access(hash, model: model) { scores[model] += 1 }
    requests += 1
    sinceChoice += 1
    guard sinceChoice >= capacity else { return nil }
    sinceChoice = 0
    return choose()
  }

  /// Goes over to the best model when its lead is more than chance.
  private mutating func choose() -> Double {
    var best = current
    for model in scores.indices where scores[model] > scores[best] { best = model }
    let lead = scores[best] - scores[current]
    // The two models see the same accesses, so only those on which they differ are noise.
    if lead > max(Self.leadFactor * requests.squareRoot(), 2) { current = best }
    for model in scores.indices { scores[model] *= Self.memory }
    requests *= Self.memory
    if Int(time) / (capacity * 10) != (Int(time) - capacity) / (capacity * 10) { sketch.age() }
    return Self.shares[current]
  }

  private static let memory = 0.9
  private static let leadFactor = 0.2

  private mutating func access(_ hash: UInt32, model: Int) -> Bool {
    let hashes = self.hashes + model * capacity
    let stamps = self.stamps + model * capacity
    let used = counts[model].window + counts[model].main
    for slot in 0..<used where hashes[slot] == hash {
      stamps[slot] = time | stamps[slot] & Self.windowBit
      return true
    }
    if used < capacity {
      hashes[used] = hash
      stamps[used] = time | Self.windowBit
      counts[model].window += 1
      if counts[model].window > windows[model] { demoteOldest(stamps, used + 1, model) }
      return false
    }
    // The oldest of the window, and of the main part.
    var windowSlot = -1
    var mainSlot = -1
    var windowAge: UInt32 = .max
    var mainAge: UInt32 = .max
    for slot in 0..<used {
      let stamp = stamps[slot]
      if stamp & Self.windowBit != 0 {
        if stamp & ~Self.windowBit < windowAge {
          windowAge = stamp & ~Self.windowBit
          windowSlot = slot
        }
      } else if stamp < mainAge {
        mainAge = stamp
        mainSlot = slot
      }
    }
    var victim = mainSlot
    if windowSlot >= 0, mainSlot < 0 {
      victim = windowSlot
      counts[model].window -= 1
    } else if windowSlot >= 0, counts[model].window >= windows[model] {
      if sketch.estimate(hashes[windowSlot]) > sketch.estimate(hashes[mainSlot]) {
        stamps[windowSlot] = time
      } else {
        victim = windowSlot
      }
      counts[model].window -= 1
    } else {
      counts[model].main -= 1
    }
    hashes[victim] = hash
    stamps[victim] = time | Self.windowBit
    counts[model].window += 1
    return false
  }

  private mutating func demoteOldest(
    _ stamps: UnsafeMutablePointer<UInt32>, _ used: Int, _ model: Int
  ) {
    var oldest = -1
    var age: UInt32 = .max
    for slot in 0..<used
    where stamps[slot] & Self.windowBit != 0 && stamps[slot] & ~Self.windowBit < age {
      age = stamps[slot] & ~Self.windowBit
      oldest = slot
    }
    guard oldest >= 0 else { return }
    stamps[oldest] &= ~Self.windowBit
    counts[model].window -= 1
    counts[model].main += 1
  }
}
