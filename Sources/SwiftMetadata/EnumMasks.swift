import ProcessImage

/// Bits that the payloads of an enum leave free, as the compiler wrote them down for reflection: section `swift5_mpenum`.
///
/// An entry: {mangled name relative i32, contents}, contents: {u32: bits 16 to 31 number of words of the contents, bit 0 set where the free bits
/// are used}, then {u32: bits 16 to 31 first byte of the mask, bits 0 to 15 number of its bytes}, mask (swiftlang/swift
/// include/swift/RemoteInspection/Records.h, `MultiPayloadEnumDescriptor`, Swift 5.7 to 6.3).
struct EnumMasks {
  /// By descriptor of the enum: a byte of mask for each byte of the value; empty where no free bits are used.
  private var masks: [UInt64: [UInt8]] = [:]

  private static let section = "swift5_mpenum"
  private static let largestSection = 4 << 20
  private static let largestMask: UInt32 = 1 << 12

  init() {}

  /// Modules whose files cannot be had have no masks. O(bytes of the sections).
  init(modules: [Module], files: any ModuleFiles, memory: TargetMemory) {
    for module in modules {
      guard let file = files.open(module), let elf = try? ELFFile(file),
        let section = elf.sections().first(where: { $0.name == Self.section }), section.size <= Self.largestSection
      else { continue }
      read(module.bias &+ section.virtualAddress, bytes: section.size, memory)
    }
  }

  mutating func read(_ start: UInt64, bytes: UInt64, _ memory: TargetMemory) {
    var entry = start
    while entry &+ 8 <= start &+ bytes {
      guard let flags = memory.half(entry &+ 4), flags >> 16 > 0 else { return }
      if let name = memory.relative(entry), let descriptor = Self.descriptor(name, memory) {
        masks[descriptor] = flags & 1 == 0 ? [] : Self.mask(entry &+ 8, words: flags >> 16, memory)
      }
      entry = entry &+ 4 &+ 4 &* UInt64(flags >> 16)
    }
  }

  /// A symbolic reference to the enum, bare or with generic arguments behind it.
  private static func descriptor(_ name: UInt64, _ memory: TargetMemory) -> UInt64? {
    switch memory.load(UInt8.self, at: name) {
    case 1: memory.relative(name &+ 1)
    case 2: memory.relative(name &+ 1).flatMap { memory.word($0) }
    default: nil
    }
  }

  private static func mask(_ address: UInt64, words: UInt32, _ memory: TargetMemory) -> [UInt8]? {
    guard let info = memory.half(address) else { return nil }
    let count = info & 0xffff
    let first = info >> 16
    guard count <= largestMask, first <= largestMask, 8 &+ count <= words &* 4,
      let bytes = memory.bytes(address &+ 4, count: Int(count))
    else { return nil }
    return [UInt8](repeating: 0, count: Int(first)) + bytes
  }

  /// Nil where the compiler has not written it down.
  subscript(descriptor: UInt64) -> [UInt8]? { masks[descriptor] }
}

extension EnumTag {
  /// - Parameters:
  ///   - mask: free bits by byte; empty where none are used.
  ///   - payloadSize: of the largest payload.
  init(mask: [UInt8], payloadSize: Int, payloads: Int, emptyCases: Int) {
    let free = mask.prefix(payloadSize).reduce(0) { $0 + $1.nonzeroBitCount }
    // Empty cases are told apart by what the payload's bits say.
    let usedBits = payloadSize * 8 - free
    let emptyTags =
      emptyCases == 0 ? 0 : usedBits >= 32 ? 1 : (emptyCases + (1 << usedBits) - 1) >> usedBits
    let tags = payloads + emptyTags
    var needed = 0
    while needed < 32, 1 << needed < tags { needed += 1 }
    var bits: [Bit] = []
    for byte in mask.indices.prefix(payloadSize).reversed() {
      for bit in (UInt8(0)..<8).reversed() where bits.count < needed && mask[byte] >> bit & 1 == 1 {
        bits.append(Bit(byte: byte, bit: bit))
      }
    }
    bits.reverse()
    let rest = needed - bits.count
    let bytes = rest == 0 ? 0 : rest <= 8 ? 1 : rest <= 16 ? 2 : 4
    self.init(bits: bits, extra: payloadSize..<payloadSize + bytes)
  }
}
