import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// Puts roots under names: globals by symbol, words of stacks by the function whose frame holds them.
struct RootNames {
  /// Ordered by rank, but for the last.
  private(set) var names: [NamedRoot] = []
  /// For each name the blocks that its words refer to, each once.
  private(set) var entries: [[UInt32]] = []
  /// Where blocks go to which only unowned references refer.
  private(set) var orphanRoot = 0
  /// The last of all is what threads' vector registers have: a copy of an array leaves the addresses of some sixty elements there, and no longer works
  /// with them.
  private static let vectors = NamedRoot(kind: .stack, title: "vector registers of threads")

  /// In which order roots are asked what they hold: the program's own variables, then stacks, then all others.
  var order: [Int] {
    func rank(_ index: Int) -> Int {
      names[index] == Self.vectors ? 3 : names[index].rank == 0 ? 0 : names[index].kind == .stack ? 1 : 2
    }
    return names.indices.sorted { (rank($0), $0) < (rank($1), $1) }
  }

  /// Roots that hold only what none before them leads to: a thread that works on what a variable of the program holds, or a stale word of its stack, takes
  /// no part of it away. What hangs on a library's variable is shared with the frames that lead there.
  var isDeferred: [Bool] { names.map { $0.kind == .stack } }

  private let image: ProcessImage
  private let symbols: any SymbolSource
  private let threadLocals: ThreadLocalStorage
  private let demangler: Demangler
  private let mainModule: String?
  private let places: ThreadPlaces
  private var frames: [Int32: StackFrames] = [:]

  /// Modules whose variables are the runtime's tables: nothing in them is the program's to change.
  private static let runtimeModules = [
    "libswift", "libdispatch", "libBlocksRuntime", "libFoundation", "lib_Foundation", "libc.so", "libc-2", "ld-linux",
    "libstdc++", "libm.so", "libgcc_s", "libpthread", "libicu", "libcurl", "libxml2",
  ]

  static func isRuntime(module: String) -> Bool { runtimeModules.contains { module.hasPrefix($0) } }

  /// What the compiler and the runtime keep beside a program's own variables.
  private static let runtimeNames = [
    "type metadata ", "demangling cache ", "lazy protocol witness", "lazy cache variable", "full type metadata ",
    "metadata instantiation cache ", "protocol conformance descriptor ", "reflection metadata ",
    "associated conformance ",
    // Constant arrays of literals: their references lead to metadata, whatever lies beside that in the runtime's memory.
    "outlined variable #",
    "nominal type ", "associated type ", "generic ", "initialization token", "protocol ", "metaclass ",
  ]
  /// Static thread-local storage right below the thread pointer, in bytes.
  private static let staticTLS: UInt64 = 16 << 10

  init(_ references: HeapReferences, image: ProcessImage, symbols: any SymbolSource) {
    self.image = image
    self.symbols = symbols
    threadLocals = references.threadLocals
    mainModule = MainModule.name(image)
    demangler = Demangler(mainModule: mainModule)
    places = ThreadPlaces(image.threads)
    let pages = PagedMemory(image.memory)
    for thread in image.threads { frames[thread.tid] = StackFrames(thread: thread, image: image, memory: pages) }
    var byName: [NamedRoot: [UInt32]] = [:]
    var lastAddress: UInt64 = 0
    var lastEnd: UInt64 = 0
    var lastName: NamedRoot?
    for root in references.roots where root.kind != .vector {
      // Neighbouring words of one variable come together.
      if root.kind == .global, let lastName, root.address >= lastAddress, root.address < lastEnd {
        byName[lastName, default: []].append(root.block)
        continue
      }
      var end: UInt64 = 0
      let name = name(root, end: &end)
      if root.kind == .global { (lastName, lastAddress, lastEnd) = (name, root.address, end) }
      byName[name, default: []].append(root.block)
    }
    let allocator = NamedRoot(kind: .runtime, title: "malloc's thread caches")
    let spare = NamedRoot(kind: .runtime, title: "libdispatch's continuations kept for reuse")
    let orphans = NamedRoot(kind: .unowned, title: "unowned references to deinitialised objects")
    byName[allocator, default: []] += references.allocatorBlocks.map { UInt32($0) }
    byName[spare, default: []] += references.spareBlocks.map { UInt32($0) }
    byName[orphans] = []
    for (name, blocks) in byName.sorted(by: { ($0.key.rank, $0.key.title) < ($1.key.rank, $1.key.title) }) {
      if name == orphans { orphanRoot = names.count }
      names.append(name)
      entries.append(Array(Set(blocks)).sorted())
    }
    let inVectors = references.roots.lazy.filter { $0.kind == .vector }.map(\.block)
    names.append(Self.vectors)
    entries.append(Array(Set(inVectors)).sorted())
  }

  /// Calls `body` with the variable of each word of the modules' data that is wanted. O(their bytes).
  func forEachWord(where isWanted: (UInt64) -> Bool, _ body: (NamedRoot) -> Void) throws(MemoryError) {
    let window = MemoryWindow(image.memory)
    for range in image.modules.flatMap(\.writableRanges) {
      var start = (range.lowerBound &+ 7) & ~7
      let last = range.upperBound & ~7
      while start < last {
        start = window.skippingUntouched(start, to: last) & ~7
        let end = min(last, start &+ UInt64(MemoryWindow.capacity))
        guard start < end else { break }
        if try window.load(start..<end) {
          for address in stride(from: start, to: end, by: 8) where isWanted(window.word(address)) {
            var unused: UInt64 = 0
            body(variable(address, end: &unused))
          }
        }
        start = end
      }
    }
  }

  private func name(_ root: Root, end: inout UInt64) -> NamedRoot {
    switch root.kind {
    case .stack, .anonymous, .threadLocal:
      if let area = threadLocals.area(containing: root.address) { return threadLocal(root.address, area) }
    case .global, .register, .vector, .cachedThread, .kernel: break
    }
    switch root.kind {
    case .global: return variable(root.address, end: &end)
    case .stack: return stackWord(root.address)
    case .register:
      let thread = places.thread(id: Int32(truncatingIfNeeded: root.address)).map { image.threads[$0] }
      // Most registers are kept for the callers of the function that waits in the kernel.
      let function = thread.map { frames[$0.tid].map { telling($0.functions(owning: 0)) } ?? $0.instructionPointer }
      return NamedRoot(
        kind: .stack, title: "\(function.map(code) ?? "unknown function") (a register of \(label(thread)))",
        module: function.flatMap(image.modules.containing)?.name ?? "")
    case .anonymous, .threadLocal:
      if let thread = threadOwningStatic(root.address) {
        return NamedRoot(kind: .threadLocal, title: "thread-local variable of \(label(thread))")
      }
      return NamedRoot(kind: .anonymous, title: "memory that no module and no thread claims")
    case .kernel:
      let title = root.address == 0 ? "a timer's signal value" : "event data of epoll descriptor \(root.address)"
      return NamedRoot(kind: .native, title: title + ", kept by the kernel")
    case .vector: return Self.vectors
    case .cachedThread: return NamedRoot(kind: .runtime, title: "thread-local storage of finished threads")
    }
  }

  private func variable(_ address: UInt64, end: inout UInt64) -> NamedRoot {
    let module = image.modules.containing(address)
    let moduleName = module?.name ?? ""
    let isRuntime = Self.isRuntime(module: moduleName)
    end = address + 8
    guard let symbol = symbols.symbol(at: address), symbol.size > 0, address < symbol.address &+ symbol.size else {
      let offset = module.map { "\(moduleName)+0x" + String(address &- $0.bias, radix: 16) }
      return NamedRoot(
        kind: isRuntime ? .runtime : .native, title: offset ?? "0x" + String(address, radix: 16), module: moduleName)
    }
    end = symbol.address &+ symbol.size
    var title = demangler.displayName(symbol.mangledName)
    if title.hasPrefix("static ") == false, symbol.mangledName.hasSuffix("vpZ") { title = "static " + title }
    if let type = demangler.variableType(symbol.mangledName) { title += " : " + type }
    let isTable = Self.runtimeNames.contains { title.hasPrefix($0) }
    let kind: NamedRoot.Kind =
      isRuntime || isTable ? .runtime : Demangler.isSwift(symbol.mangledName) ? .global : .native
    let declaring = kind == .global ? Demangler.module(of: symbol.mangledName) : nil
    return NamedRoot(
      kind: kind, title: title, module: moduleName,
      library: declaring.flatMap { MainModule.isOwn($0, main: mainModule) ? nil : $0 })
  }

  private func stackWord(_ address: UInt64) -> NamedRoot {
    // The thread whose stack pointer is the nearest below.
    let (lowest, overflows) = address.addingReportingOverflow(ThreadState.redZone)
    let thread = places.thread(withStackPointerAtOrBelow: overflows ? .max : lowest).map { image.threads[$0] }
    // Where its variables are known, what else lies below the control block is the stack.
    if let local = threadOwningStatic(address), address > frames[local.tid]?.end ?? 0,
      address >= local.threadPointer || threadLocals.areas.isEmpty
    {
      return NamedRoot(kind: .threadLocal, title: "thread-local variable of \(label(local))")
    }
    guard let thread, let frames = frames[thread.tid] else {
      return NamedRoot(kind: .stack, title: "a thread's stack")
    }
    let function = telling(frames.functions(owning: address))
    return NamedRoot(
      kind: .stack, title: "\(code(function)) on \(label(thread))",
      module: image.modules.containing(function)?.name ?? "")
  }

  /// The function that a word of a frame tells of. Functions of the C library and the runtimes save registers of those who call them, and
  /// work on what these gave them: there it is the nearest caller that is the program's or another library's.
  private func telling(_ functions: some Sequence<UInt64>) -> UInt64 {
    var innermost: UInt64?
    for function in functions {
      if innermost == nil { innermost = function }
      if let module = image.modules.containing(function), !Self.isRuntime(module: module.name) { return function }
    }
    return innermost ?? 0
  }

  /// `thread-local current in thread 4711 (worker)`, `value of pthread key 3 in the main thread`.
  private func threadLocal(_ address: UInt64, _ area: ThreadLocalStorage.Area) -> NamedRoot {
    let thread = image.threads.indices.contains(area.thread) ? image.threads[area.thread] : nil
    switch area.content {
    case .keys(let first):
      let key = first + Int((address - area.range.lowerBound) / 16)
      return NamedRoot(kind: .threadLocal, title: "value of pthread key \(key) in \(label(thread))")
    case .variables(let index):
      let module = image.modules.indices.contains(index) ? image.modules[index] : nil
      let moduleName = module?.name ?? ""
      let offset = address - area.range.lowerBound
      let symbol = module.flatMap { symbols.threadLocal(at: offset, in: $0) }
      let name =
        symbol.map { demangler.displayName($0.name) } ?? "\(moduleName)+0x" + String(offset, radix: 16)
      let isRuntime = Self.isRuntime(module: moduleName)
      return NamedRoot(
        kind: isRuntime ? .runtime : .threadLocal, title: "thread-local \(name) in \(label(thread))",
        module: moduleName)
    }
  }

  /// The thread whose static thread-local storage or control block holds `address`.
  private func threadOwningStatic(_ address: UInt64) -> ThreadState? {
    // Stacks may lie right below each other: the nearest thread pointer, in the same mapping.
    guard let index = places.thread(nearestTo: address, below: Self.staticTLS, above: 4096) else { return nil }
    let nearest = image.threads[index]
    return image.mappings.containing(address)?.contains(nearest.threadPointer) ?? false ? nearest : nil
  }

  private func label(_ thread: ThreadState?) -> String {
    guard let thread else { return "a thread" }
    if thread.tid == image.pid { return "the main thread" }
    return "thread \(thread.tid)" + (thread.name.isEmpty || thread.name == image.name ? "" : " (\(thread.name))")
  }

  private func code(_ address: UInt64) -> String {
    if let symbol = symbols.symbol(at: address) { return demangler.displayName(symbol.mangledName) }
    guard let module = image.modules.containing(address) else { return "unknown function" }
    return "\(module.name)+0x" + String(address &- module.bias, radix: 16)
  }
}
