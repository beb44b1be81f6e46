import Testing

@testable import LocalCache

/// The hash of keys: what it is where the processor can encrypt, and that it goes by equality everywhere.
struct KeyHashTests {
  /// FIPS 197, appendix C.1: key, expanded, of the example of AES-128, and what the example encrypts to.
  private static let roundKeys: [UInt8] = [
    "000102030405060708090a0b0c0d0e0f", "d6aa74fdd2af72fadaa678f1d6ab76fe", "b692cf0b643dbdf1be9bc5006830b3fe",
    "b6ff744ed2c2c9bf6c590cbf0469bf41", "47f7f7bc95353e03f96c32bcfd058dfd", "3caaa3e8a99f9deb50f3af57adf622aa",
    "5e390f7df7a69296a7553dc10aa31f6b", "14f9701ae35fe28c440adf4d4ea9c026", "47438735a41c65b9e016baf4aebf7ad2",
    "549932d1f08557681093ed9cbe2c974e", "13111d7fe3944a17f307a78b4d2b30c5",
  ].flatMap(bytes)

  private static func bytes(_ text: String) -> [UInt8] {
    stride(from: 0, to: text.count, by: 2).compactMap { UInt8(text.dropFirst($0).prefix(2), radix: 16) }
  }

  private static func word(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  @Test func aWordIsEncryptedAsTheStandardSays() throws {
    let text = Self.bytes("00112233445566778899aabbccddeeff")
    var keys = Self.roundKeys
    // Words are followed by zeros, so the second half of the example's text goes into the first round key.
    for index in 8..<16 { keys[index] ^= text[index] }
    let hash = KeyHash(roundKeys: keys)
    defer { hash.deallocate() }
    // Without the instructions there is nothing to compare: `Hasher` is used then.
    guard hash.hasCipher else { return }
    let expected = Self.word(Self.bytes("69c4e0d86a7b0430"))
    #expect(hash.encrypted(Self.word(text.prefix(8))) == expected)
    #expect(hash(Self.word(text.prefix(8))) == expected)
  }

  @Test func equalKeysHaveEqualHashesAndCachesHaveSecretsOfTheirOwn() {
    let one = KeyHash()
    let other = KeyHash()
    defer {
      one.deallocate()
      other.deallocate()
    }
    func check<Key: Hashable>(_ key: Key, _ same: Key, _ different: Key) {
      #expect(one(key) == one(same))
      #expect(one(key) != one(different))
      #expect(one(key) != other(key))
    }
    check(Int.min, Int.min, 5)
    check(UInt.max, UInt.max, 5)
    check(Int64(-7), Int64(-7), 7)
    check(UInt64(7), UInt64(7), 8)
    check(Int32(-7), Int32(-7), 7)
    check(UInt32.max, UInt32.max, 7)
    check(UInt8(200), UInt8(200), 201)
    // Composed in two ways, and equal.
    check("\u{e9}", "e\u{301}", "e")
    check(AnyHashable(5), AnyHashable(Int8(5)), AnyHashable(6))
  }

  @Test func keysOfEveryKindAreFound() {
    func check<Key: Hashable & Sendable>(_ keys: [Key]) {
      let cache = LocalCache<Key, Int>(name: "kinds", limit: .entries(1000))
      for (value, key) in keys.enumerated() { cache.set(value, for: key) }
      for round in 0..<50 {
        for (value, key) in keys.enumerated() { #expect(cache.get(key) == value, "round \(round)") }
      }
    }
    check(Array(-50..<50))
    check((0..<100).map { UInt64($0) << 57 })
    check((-50..<50).map { Int32($0) })
    check((0..<100).map { UInt16($0) })
    check((0..<100).map { "key \($0)" })
    check([AnyHashable(1), AnyHashable("1"), AnyHashable(UInt64(2))].map { SendableKey(key: $0) })
  }

  private struct SendableKey: Hashable, @unchecked Sendable {
    let key: AnyHashable
  }
}
