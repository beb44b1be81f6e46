import Malloc
import ProcessImage
import Symbols

/// Buffers of C's standard streams: text, with whatever the block held before in the part that was never written.
///
/// `struct _IO_FILE` in glibc's libio/bits/types/struct_FILE.h, unchanged since 2.1 (its layout is ABI).
enum StdioBuffers {
  private static let bufferStart: UInt64 = 56
  private static let bufferEnd: UInt64 = 64
  private static let chain: UInt64 = 104
  /// A process has at most some thousand open streams; the bound keeps a torn list from running for ever.
  private static let streamLimit = 65_536

  /// Addresses of the buffers, as `malloc` returned them. Empty for another C library or without symbols.
  static func addresses(memory: any MemoryReader, symbols: any SymbolSource) -> [UInt64] {
    guard let list = symbols.address(of: "_IO_list_all") ?? symbols.address(of: "_IO_2_1_stderr_") else { return [] }
    let isList = symbols.address(of: "_IO_list_all") != nil
    var stream = isList ? (try? memory.load(UInt64.self, at: list)) ?? 0 : list
    var found: [UInt64] = []
    var seen = Set<UInt64>()
    while stream != 0, seen.count < streamLimit, seen.insert(stream).inserted {
      guard let start = try? memory.load(UInt64.self, at: stream &+ bufferStart),
        let end = try? memory.load(UInt64.self, at: stream &+ bufferEnd),
        let next = try? memory.load(UInt64.self, at: stream &+ chain)
      else { break }
      if start != 0 && start < end { found.append(start) }
      stream = next
    }
    return found
  }
}
