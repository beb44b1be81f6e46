import ProcessImage
import Synchronization

/// The symbols of one ELF file, sorted by address. All addresses are the file's virtual ones, without the load bias.
///
/// 17 bytes a symbol. Names stay in the file and are read one at a time; looking up by name builds an index of 8 bytes a symbol at its
/// first use. Layout of `Elf64_Sym`: System V gABI, chapter 4, "Symbol Table".
public final class SymbolTable: Sendable {
  /// Where an entry's name and properties are.
  struct Flags: OptionSet {
    let rawValue: UInt8
    static let data = Flags(rawValue: 1)
    /// The table gives no size: it reaches to the next symbol or the end of its section.
    static let unsized = Flags(rawValue: 2)
    /// Bound globally or weakly, so other modules may mean it.
    static let global = Flags(rawValue: 4)
    /// The name is in `.dynstr`, not in `.strtab`.
    static let dynamic = Flags(rawValue: 8)
    static let typed = Flags(rawValue: 16)
    /// The value is an offset in a thread's block of the module's variables, not an address.
    static let threadLocal = Flags(rawValue: 32)
  }

  let addresses: [UInt64]
  /// Bytes that a symbol covers; sizes past 4 GiB are clamped.
  let extents: [UInt32]
  let nameOffsets: [UInt32]
  let flags: [UInt8]
  private let names: [NameSection]
  /// Thread-local variables by their offset, ascending.
  private let threadLocals: [RawSymbol]
  private let nameIndex = Mutex<NameIndex?>(nil)

  /// The file has `.symtab`: local and hidden symbols too.
  public let isFull: Bool
  public var count: Int { addresses.count }

  /// One symbol; its name is read when it is asked for.
  public struct Entry: Sendable, Hashable {
    public var index: Int
    public var address: UInt64
    /// As the table has it; 0 where it has none.
    public var size: UInt64
    public var isData: Bool
  }

  /// Reads `.symtab` and those of `.dynsym` whose address it lacks. Cost is bounded by the file's size. O(n log n).
  public init(_ file: ELFFile) {
    let sections = file.sections()
    let (full, fullNames) = SymbolReader.read(kind: .full, file: file, sections: sections)
    let (exported, exportedNames) = SymbolReader.read(kind: .exported, file: file, sections: sections)
    isFull = !full.isEmpty
    names = [fullNames, exportedNames]
    threadLocals = (isFull ? full : exported).filter { $0.flags.contains(.threadLocal) }.sorted()
    var symbols = full.filter { !$0.flags.contains(.threadLocal) }.sorted()
    let extra = exported.filter { !$0.flags.contains(.threadLocal) && !Self.contains(symbols, $0.address) }
    if !extra.isEmpty {
      symbols += extra
      symbols.sort()
    }
    var addresses: [UInt64] = []
    var extents: [UInt32] = []
    var nameOffsets: [UInt32] = []
    var flags: [UInt8] = []
    addresses.reserveCapacity(symbols.count)
    extents.reserveCapacity(symbols.count)
    nameOffsets.reserveCapacity(symbols.count)
    flags.reserveCapacity(symbols.count)
    var next = UInt64.max
    // From the end, so that the next higher address is known.
    for index in symbols.indices.reversed() {
      let symbol = symbols[index]
      if index + 1 < symbols.count, symbols[index + 1].address != symbol.address { next = symbols[index + 1].address }
      let unsizedEnd = min(next, symbol.sectionEnd)
      let extent = symbol.size > 0 ? symbol.size : unsizedEnd - min(unsizedEnd, symbol.address)
      addresses.append(symbol.address)
      extents.append(UInt32(clamping: extent))
      nameOffsets.append(symbol.nameOffset)
      flags.append(symbol.flags.rawValue)
    }
    addresses.reverse()
    extents.reverse()
    nameOffsets.reverse()
    flags.reverse()
    self.addresses = addresses
    self.extents = extents
    self.nameOffsets = nameOffsets
    self.flags = flags
  }

  /// A symbol starts at `address`, in an array sorted by address. O(log n).
  private static func contains(_ symbols: [RawSymbol], _ address: UInt64) -> Bool {
    let index = symbols.partitionIndex { $0.address < address }
    return index < symbols.count && symbols[index].address == address
  }

  /// How many symbols before the nearest one may still cover an address: nested symbols are few.
  private static let nestingLimit = 48

  /// The symbol that covers `address`: the one that starts nearest before it. O(log n).
  public func entry(covering address: UInt64) -> Entry? {
    let nearest = addresses.partitionIndex { $0 <= address } - 1
    var index = nearest
    while index >= 0, nearest - index < Self.nestingLimit {
      if address - addresses[index] < UInt64(extents[index]) { return entry(firstOfEqual(index, address)) }
      index -= 1
    }
    return nil
  }

  /// Among symbols with one start the best is sorted first; take it if it covers `address` too.
  private func firstOfEqual(_ index: Int, _ address: UInt64) -> Int {
    var best = index
    var candidate = index - 1
    while candidate >= 0, addresses[candidate] == addresses[index], index - candidate <= Self.nestingLimit {
      if address - addresses[candidate] < UInt64(extents[candidate]) { best = candidate }
      candidate -= 1
    }
    return best
  }

  func entry(_ index: Int) -> Entry {
    let flag = Flags(rawValue: flags[index])
    return Entry(
      index: index, address: addresses[index], size: flag.contains(.unsized) ? 0 : UInt64(extents[index]),
      isData: flag.contains(.data))
  }

  /// The mangled name, without a version (`@@GLIBC_2.34`).
  public func name(of entry: Entry) -> String {
    guard flags.indices.contains(entry.index) else { return "" }
    let section = names[Flags(rawValue: flags[entry.index]).contains(.dynamic) ? 1 : 0]
    return String(decoding: section.name(at: nameOffsets[entry.index]), as: UTF8.self)
  }

  /// The thread-local variable that covers an offset in a thread's block, with its own offset. O(log n).
  public func threadLocal(covering offset: UInt64) -> (name: String, offset: UInt64)? {
    let index = threadLocals.partitionIndex { $0.address <= offset } - 1
    guard index >= 0, offset - threadLocals[index].address < max(1, threadLocals[index].size) else { return nil }
    let symbol = threadLocals[index]
    let section = names[symbol.flags.contains(.dynamic) ? 1 : 0]
    return (String(decoding: section.name(at: symbol.nameOffset), as: UTF8.self), symbol.address)
  }

  /// The symbol of this mangled name; a global one before a local one. O(1) after the index is built, which reads all names once.
  public func entry(named name: String) -> (entry: Entry, isGlobal: Bool)? {
    let candidates = nameIndex.withLock { index in
      if index == nil { index = NameIndex(nameOffsets: nameOffsets, flags: flags, names: names) }
      return index?.candidates(for: name) ?? []
    }
    var local: Entry?
    for index in candidates {
      let entry = entry(index)
      guard self.name(of: entry) == name else { continue }
      if Flags(rawValue: flags[index]).contains(.global) { return (entry, true) }
      if local == nil { local = entry }
    }
    return local.map { ($0, false) }
  }
}
