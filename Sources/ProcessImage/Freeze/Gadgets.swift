import Glibc

/// Addresses of the two instruction sequences that the injected call runs on; both are in every C library.
struct Gadgets: Sendable, Hashable {
  /// `syscall; ret`
  var systemCall: UInt64
  /// `mov $15, %rax; syscall`: `rt_sigreturn`, the kernel's way to restore all registers (glibc and musl `__restore_rt`).
  var signalReturn: UInt64

  static let systemCallBytes: [UInt8] = [0x0f, 0x05, 0xc3]
  static let signalReturnBytes: [UInt8] = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]
  /// Code past this size in one mapping is not searched; libc's is below 2 MiB.
  private static let largestCode: UInt64 = 64 << 20

  /// Searches the C library first, then any executable mapping.
  static func find(in mappings: [Mapping], memory: LiveMemory) -> Gadgets? {
    let code = mappings.filter { $0.permissions.isSuperset(of: [.read, .execute]) && !$0.isKernel }
    let preferred = code.filter { isCLibrary($0.path) }
    var systemCall: UInt64?
    var signalReturn: UInt64?
    for mapping in preferred + code where mapping.size <= largestCode {
      guard let bytes = try? memory.bytes(at: mapping.start, count: Int(mapping.size)) else { continue }
      if systemCall == nil, let offset = first(systemCallBytes, in: bytes) {
        systemCall = mapping.start &+ UInt64(offset)
      }
      if signalReturn == nil, let offset = first(signalReturnBytes, in: bytes) {
        signalReturn = mapping.start &+ UInt64(offset)
      }
      if let systemCall, let signalReturn { return Gadgets(systemCall: systemCall, signalReturn: signalReturn) }
    }
    return nil
  }

  /// The bytes are still there: the process has not started another program since.
  func isPresent(in memory: LiveMemory) -> Bool {
    (try? memory.bytes(at: systemCall, count: Self.systemCallBytes.count)) == Self.systemCallBytes
      && (try? memory.bytes(at: signalReturn, count: Self.signalReturnBytes.count)) == Self.signalReturnBytes
  }

  private static func isCLibrary(_ path: String) -> Bool {
    path.contains("/libc.so") || path.contains("/libc-") || path.contains("ld-musl")
  }

  private static func first(_ needle: [UInt8], in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { haystack in
      needle.withUnsafeBytes { wanted in
        guard let start = haystack.baseAddress, let sought = wanted.baseAddress, !wanted.isEmpty else { return nil }
        var position = start
        let end = start + haystack.count
        // memchr is vectorised: this scans megabytes of code before the pause.
        while end - position >= wanted.count,
          let hit = memchr(position, Int32(needle[0]), end - position - wanted.count + 1)
        {
          if memcmp(hit, sought, wanted.count) == 0 { return UnsafeRawPointer(hit) - start }
          position = UnsafeRawPointer(hit) + 1
        }
        return nil
      }
    }
  }
}
