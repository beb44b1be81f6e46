/// A 64-bit hash of content, for finding equal values. Multiply and rotate, finished as in MurmurHash3 (A. Appleby, public domain).
/// Not for keys that an adversary chooses: equal hashes are believed to be equal values.
struct ContentHash {
  private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

  @inline(__always)
  mutating func add(_ word: UInt64) {
    let mixed = (word &* 0x87c3_7b91_1142_53d5)
    state ^= (mixed << 31 | mixed >> 33) &* 0x4cf5_ad43_2745_937f
    state = (state << 27 | state >> 37) &* 5 &+ 0x52dc_e729
  }

  var value: UInt64 {
    var value = state
    value = (value ^ value >> 33) &* 0xff51_afd7_ed55_8ccd
    value = (value ^ value >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return value ^ value >> 33
  }

  static func of(_ bytes: [UInt8]) -> UInt64 {
    var hash = ContentHash()
    hash.add(UInt64(bytes.count))
    var index = 0
    while index < bytes.count {
      var word: UInt64 = 0
      for byte in bytes[index..<min(index + 8, bytes.count)].reversed() { word = word << 8 | UInt64(byte) }
      hash.add(word)
      index += 8
    }
    return hash.value
  }
}
