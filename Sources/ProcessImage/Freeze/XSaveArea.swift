import CLinux

/// The XSAVE area that a signal frame restores SIMD registers from (Intel SDM volume 1, 13.4; Linux `fpu/signal.c`).
enum XSaveArea {
  /// `XSTATE_BV`: the components that are not in their initial state.
  static let featuresOffset = 512
  /// Legacy area and header, without any component.
  static let smallest = 576
  private static let softwareOffset = 464
  private static let magic1: UInt32 = 0x4650_5853
  private static let magic2: UInt32 = 0x4650_5845
  /// Legacy x87 and SSE: always restored.
  private static let legacyFeatures: UInt64 = 3

  /// Bytes up to the end of the highest component in use. Not the size of the register set: a size that is too large makes the kernel
  /// fall back to the legacy registers on machines with large components (AMX).
  static func usedSize(features: UInt64, available: Int) -> Int {
    var size = smallest
    for component in 2..<63 where features >> UInt64(component) & 1 != 0 {
      size = max(size, Int(clinux_xsave_component_end(UInt32(component))))
    }
    return min(size, available)
  }

  /// The area as a signal frame holds it, with the trailing magic number; nil where `state` is no XSAVE area.
  static func frameImage(_ state: [UInt8]) -> [UInt8]? {
    guard state.count >= smallest else { return nil }
    let present = state.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: featuresOffset, as: UInt64.self) }
    let size = usedSize(features: present, available: state.count)
    var image = Array(state[..<size])
    image.append(contentsOf: [0, 0, 0, 0])
    image.withUnsafeMutableBytes { bytes in
      for offset in softwareOffset..<512 { bytes[offset] = 0 }
      bytes.storeBytes(of: magic1, toByteOffset: softwareOffset, as: UInt32.self)
      bytes.storeBytes(of: UInt32(size + 4), toByteOffset: softwareOffset + 4, as: UInt32.self)
      bytes.storeBytes(of: present | legacyFeatures, toByteOffset: softwareOffset + 8, as: UInt64.self)
      bytes.storeBytes(of: UInt32(size), toByteOffset: softwareOffset + 16, as: UInt32.self)
      bytes.storeBytes(of: magic2, toByteOffset: size, as: UInt32.self)
    }
    return image
  }
}
