import LocalCache

/// LocalCache's own policy, as the cache drives it, in three settings.
struct TinyLFU<Setting: TinyLFUSetting>: SimulatedPolicy {
  static var name: String { Setting.name }
  static var isSeeded: Bool { true }
  private let core: Core
  private var ids: [UInt32]
  private var keys: [UInt32: Int32] = [:]
  private let seed: UInt64

  private final class Core {
    var policy: EvictionPolicy
    init(_ policy: consuming EvictionPolicy) { self.policy = policy }
    deinit { policy.deallocate() }
  }

  init(capacity: Int, trace: Trace, seed: UInt64) {
    self.seed = seed
    core = Core(EvictionPolicy(maximum: UInt64(capacity), configuration: Setting.configuration))
    ids = Array(repeating: 0, count: trace.distinct)
  }

  mutating func access(_ key: Int32, time: Int) -> Bool {
    let id = ids[Int(key)]
    if id != 0 {
      core.policy.recordHit(id)
      return true
    }
    core.policy.recordMiss()
    while let victim = core.policy.nextVictim(for: 1) {
      core.policy.remove(victim)
      if let old = keys.removeValue(forKey: victim) { ids[Int(old)] = 0 }
    }
    let new = core.policy.insert(hash: hash(key), weight: 1)
    ids[Int(key)] = new
    keys[new] = key
    return false
  }

  private func hash(_ key: Int32) -> UInt32 {
    var mixed = (UInt64(UInt32(bitPattern: key)) &+ seed &* 0xD134_2543_DE82_EF95) &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }
}

protocol TinyLFUSetting {
  static var name: String { get }
  static var configuration: EvictionPolicy.Configuration { get }
}

/// A window of 1 %, as in the paper of 2017.
enum OnePercent: TinyLFUSetting {
  static let name = "W-TinyLFU 1%"
  static var configuration: EvictionPolicy.Configuration {
    var configuration = EvictionPolicy.Configuration()
    configuration.isAdaptive = false
    configuration.regime = .window(0.01)
    return configuration
  }
}

/// A window of 20 %.
enum TwentyPercent: TinyLFUSetting {
  static let name = "W-TinyLFU 20%"
  static var configuration: EvictionPolicy.Configuration {
    var configuration = EvictionPolicy.Configuration()
    configuration.isAdaptive = false
    configuration.regime = .window(0.2)
    return configuration
  }
}

/// What LocalCache does.
enum Adaptive: TinyLFUSetting {
  static let name = "LocalCache"
  static var configuration: EvictionPolicy.Configuration { EvictionPolicy.Configuration() }
}
