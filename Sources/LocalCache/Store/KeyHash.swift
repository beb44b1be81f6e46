import CLocalCache

/// The hash of keys, under a secret of each cache: at least as hard to attack as that of `Dictionary`.
///
/// Keys are hashed as `Dictionary` does it, by `Hasher` with a random seed. Integers of a word are encrypted by AES-128 (FIPS 197) under random round
/// keys, where the processor has instructions for it: nothing is known that tells the result from chance, and it takes a dozen instructions
/// where `Hasher` takes a hundred. That counts twice, because a processor sees only some hundred ahead: the fewer a look-up needs, the more of them
/// wait for memory at the same time.
@usableFromInline
struct KeyHash: @unchecked Sendable {
  @usableFromInline let seed = Int.random(in: .min ... .max)
  @usableFromInline let roundKeys: UnsafeMutableRawPointer
  /// Whether the processor has AES.
  @usableFromInline let hasCipher: Bool

  private static let roundKeyBytes = 16 * Int(LOCALCACHE_ROUND_KEYS)

  init() {
    self.init(roundKeys: (0..<Self.roundKeyBytes).map { _ in UInt8.random(in: 0...255) })
  }

  init(roundKeys bytes: [UInt8]) {
    hasCipher = localcache_has_aes()
    roundKeys = .allocate(byteCount: Self.roundKeyBytes, alignment: 64)
    roundKeys.initializeMemory(as: UInt8.self, repeating: 0, count: Self.roundKeyBytes)
    roundKeys.copyMemory(from: bytes, byteCount: min(bytes.count, Self.roundKeyBytes))
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() { roundKeys.deallocate() }

  @inlinable @inline(__always)
  func callAsFunction<Key: Hashable>(_ key: Key) -> UInt64 {
    if hasCipher, let word = Self.word(key) { return encrypted(word) }
    return UInt64(truncatingIfNeeded: key._rawHashValue(seed: seed))
  }

  /// Only if there is a cipher.
  @inlinable @inline(__always)
  func encrypted(_ word: UInt64) -> UInt64 { localcache_aes(word, roundKeys) }

  /// The whole of an integer key. The compiler knows which of these it is.
  @inlinable @inline(__always)
  static func word<Key>(_ key: Key) -> UInt64? {
    if Key.self == Int.self { return UInt64(bitPattern: Int64(unsafeBitCast(key, to: Int.self))) }
    if Key.self == UInt.self { return UInt64(unsafeBitCast(key, to: UInt.self)) }
    if Key.self == Int64.self { return UInt64(bitPattern: unsafeBitCast(key, to: Int64.self)) }
    if Key.self == UInt64.self { return unsafeBitCast(key, to: UInt64.self) }
    if Key.self == Int32.self { return UInt64(UInt32(bitPattern: unsafeBitCast(key, to: Int32.self))) }
    if Key.self == UInt32.self { return UInt64(unsafeBitCast(key, to: UInt32.self)) }
    return nil
  }
}
