import ProcessImage
import Symbols

/// Decodes Swift metadata of one process image: what a heap block is, and where it can hold references.
///
/// Reads what compiled code itself indexes (metadata, descriptors, reflection sections in memory), so a stripped target
/// loses nothing but the names of native blocks. Layouts: Swift 6.3.1 on x86-64 Linux, verified against running programs.
///
/// Use from one thread. Answers are cached by metadata address for the life of the decoder.
public final class MetadataDecoder: ObjectTypeDecoder {
  let memory: TargetMemory
  let symbols: any SymbolSource
  let modules: [Module]
  /// Read when the first enum with several payloads is met.
  private(set) lazy var masks = EnumMasks(modules: modules, files: files, memory: memory)
  /// Looked up when the first task is met: names cost a search of all modules' tables, and tasks come by the hundred thousand.
  private(set) lazy var startAdapters = readStartAdapters()
  private let files: any ModuleFiles
  /// Module whose name is left out of type names, or nil.
  let omittedModule: String?
  /// The module of a program for which nobody has chosen a name: what swiftc calls it.
  public static let unnamedModule = "main"

  var descriptors: [UInt64: ContextDescriptor?] = [:]
  var qualifiedNames: [UInt64: QualifiedName?] = [:]
  var metadataNames: [UInt64: String?] = [:]
  var layouts: [UInt64: Layout?] = [:]
  var descriptorMetadata: [UInt64: UInt64?] = [:]
  var fieldRecords: [UInt64: [FieldRecord]?] = [:]
  var objects: [UInt64: ObjectEntry] = [:]
  /// Of these, words that are no metadata. A scan of memory, or a list, shows any number of them: beyond the bound they are asked about again.
  var unknownHeads = 0
  static let mostUnknownHeads = 1 << 14
  var errors: [UInt64: ObjectType?] = [:]
  var slabHeads: Set<UInt64> = []
  /// Descriptors' symbols of types that strings spell in full, by name; nil where two have one name.
  var spelledSymbols: [String: String?] = [:]

  /// Steps left for the present question. A hostile image could otherwise nest types without end.
  var fuel = 0
  static let fuelPerQuestion = 50_000
  /// Nested calls; a level of a value's type takes about seven.
  static let depthLimit = 160
  /// The budget or the depth ran out in the present question: what was found is incomplete and not worth caching.
  var isCutShort = false

  /// - Parameter omittingModule: a module whose name is dropped from type names, usually the main executable's.
  public init(image: ProcessImage, symbols: any SymbolSource, omittingModule: String? = nil) {
    memory = TargetMemory(reader: PagedMemory(image.memory, pageCount: 2048))
    modules = image.modules
    files = image.files
    omittedModule = omittingModule
    self.symbols = symbols
  }

  /// Takes one step; false when the question has to be answered with what is known so far.
  func spend(depth: Int) -> Bool {
    fuel -= 1
    if fuel > 0 && depth < Self.depthLimit { return true }
    isCutShort = true
    return false
  }

  /// Runs `body` with a full budget, unless it is nested in another question.
  func ask<T>(_ body: () -> T) -> T {
    let isNested = fuel > 0
    if !isNested {
      fuel = Self.fuelPerQuestion
      isCutShort = false
    }
    defer { if !isNested { fuel = 0 } }
    return body()
  }

  /// The part of a layout that other modules see.
  func valueLayout(_ layout: Layout, name: String) -> ValueLayout {
    // Millions of integers in an array are numbers, and not worth reading.
    let slots = layout.slots.filter { $0.strength != .number }
    return ValueLayout(
      typeName: name, size: layout.size, stride: layout.stride, alignment: layout.alignment, slots: slots)
  }

  func descriptor(at address: UInt64) -> ContextDescriptor? {
    if let known = descriptors[address] { return known }
    let descriptor = ContextDescriptor(at: address, in: memory)
    descriptors[address] = .some(descriptor)
    return descriptor
  }

  /// Descriptor that type metadata of a nominal type refers to.
  func descriptor(ofMetadata metadata: UInt64) -> ContextDescriptor? {
    guard metadata & 7 == 0, let word = memory.word(metadata), let kind = MetadataKind(rawValue: word) else {
      return nil
    }
    let field: UInt64
    switch kind {
    case .class: field = 40
    case .structure, .enumeration, .optional, .foreignClass: field = 8
    default: return nil
    }
    guard let address = memory.word(metadata &+ field), let descriptor = descriptor(at: address) else { return nil }
    switch (kind, descriptor.kind) {
    case (.class, .class), (.foreignClass, .class), (.structure, .structure), (.enumeration, .enumeration),
      (.optional, .enumeration):
      return descriptor
    default: return nil
    }
  }
}
