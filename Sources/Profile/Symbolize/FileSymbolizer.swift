import Measurement
import ProcessImage
import Symbols

/// Names from the ELF files that a profile's mappings name, as they lie on this machine; files and lines from `llvm-symbolizer` where it is installed.
///
/// A file of another build than the profiled one is not used: wrong names are worse than none.
public struct FileSymbolizer: ProfileSymbolizer {
  private let debugDirectories: [String]
  private let root: String
  private let lines: LineSymbolizer?
  private let wantsLines: Bool

  /// - Parameters:
  ///   - root: folder below which the profile's paths are searched; empty for this machine's own.
  ///   - wantsLines: false for names only, which is much faster.
  public init(debugDirectories: [String] = [], root: String = "", wantsLines: Bool = true) {
    self.debugDirectories = debugDirectories
    self.root = root
    self.wantsLines = wantsLines
    lines = wantsLines ? LineSymbolizer() : nil
  }

  public func symbolize(_ profile: inout Profile) -> [String] {
    var pending: [Int: [Int]] = [:]
    for (index, location) in profile.locations.enumerated() where location.lineCount == 0 {
      guard let mapping = location.mapping, !profile.mappings[mapping].hasFunctions else { continue }
      pending[mapping, default: []].append(index)
    }
    guard !pending.isEmpty else { return [] }
    var writer = SymbolWriter(profile)
    var remarks: [String] = []
    var hasNames = false
    for (mapping, locations) in pending.sorted(by: { $0.key < $1.key }) {
      switch symbols(of: profile.mappings[mapping], profile) {
      case .failure(let problem): if let what = problem.what { remarks.append(what) }
      case .success(let module):
        let named = name(locations, mapping, module, &writer)
        hasNames = hasNames || named
      }
    }
    profile = writer.profile
    if hasNames, wantsLines, lines == nil {
      remarks.append("source lines are missing: llvm-symbolizer is not installed, so there are names only")
    }
    return remarks
  }

  private struct Problem: Error {
    /// nil for what cannot have names, like `[vdso]`.
    var what: String?
  }

  /// An ELF file that is mapped.
  private struct MappedFile {
    var path: String
    var symbols: ImageSymbols
    /// Run-time address - address in the file.
    var bias: UInt64
  }

  private func symbols(of mapping: Profile.Mapping, _ profile: Profile) -> Result<MappedFile, Problem> {
    let path = profile.text(mapping.file)
    guard path.hasPrefix("/"), !path.hasPrefix("/dev/") else { return .failure(Problem(what: nil)) }
    let place = root + path
    let file: DiskFile
    do throws(ProcessImageError) { file = try DiskFile(path: place) } catch {
      return .failure(
        Problem(
          what:
            "no names of \(SafeText.line(path)): it is not on this machine; --root DIR names where the profiled machine's files are"
        ))
    }
    guard let elf = try? ELFFile(file) else { return .failure(Problem(what: nil)) }
    let buildID = profile.text(mapping.buildID)
    if !buildID.isEmpty, let own = elf.buildID, own != buildID {
      return .failure(
        Problem(
          what:
            "no names of \(SafeText.line(path)): the file is another build (\(own)) than the profiled one (\(SafeText.line(buildID)))"
        ))
    }
    // The segment that the mapped part of the file belongs to says where the linker put it.
    let candidates = elf.segments.filter { segment in
      let start = segment.fileOffset & ~0xfff
      return segment.isLoad && start <= mapping.fileOffset
        && mapping.fileOffset - start
          < (segment.fileOffset & 0xfff).addingReportingOverflow(segment.fileSize).partialValue
    }
    // Two segments may share a page of the file; calls come from the one with code.
    let segment = candidates.first(where: \.isExecutable) ?? candidates.first
    guard let segment else { return .failure(Problem(what: nil)) }
    let bias = mapping.start &- mapping.fileOffset &+ segment.fileOffset &- segment.virtualAddress
    let module = Module(
      path: path, bias: bias, start: mapping.start, end: mapping.limit, writableRanges: [], buildID: elf.buildID)
    let image = ProcessImage(
      source: .bytes, pid: nil, name: "", mappings: [], modules: [module], threads: [],
      memory: ByteMemory(), files: OneFile(file: file))
    return .success(
      MappedFile(path: place, symbols: ImageSymbols(image, debugDirectories: debugDirectories), bias: bias))
  }

  private struct OneFile: ModuleFiles {
    let file: DiskFile
    func open(_ module: Module) -> (any FileBytes)? { file }
  }

  /// Returns whether any location got a name.
  private func name(_ locations: [Int], _ mapping: Int, _ file: MappedFile, _ writer: inout SymbolWriter) -> Bool {
    let addresses = locations.map { writer.profile.locations[$0].address }
    let frames = lines?.frames(of: addresses.map { $0 &- file.bias }, in: file.path)
    var hasNames = false
    for (index, location) in locations.enumerated() {
      let symbol = file.symbols.symbol(at: addresses[index])
      var found = frames?[index] ?? []
      if found.allSatisfy({ $0.function.isEmpty }) { found = [] }
      // The symbol table knows names that debug information lacks, and the tool prints an exported neighbour where it knows nothing.
      if let symbol {
        if found.isEmpty { found = [SourceFrame(function: symbol.mangledName, file: "", line: 0)] }
        if let last = found.indices.last, found[last].file.isEmpty { found[last].function = symbol.mangledName }
      }
      // Stripped allocators export little; what is inside them is folded by this name.
      if found.isEmpty, let library = RuntimeFunctions.allocatorLibrary(file.path) {
        found = [SourceFrame(function: "[\(library)]", file: "", line: 0)]
      }
      guard !found.isEmpty else { continue }
      hasNames = true
      writer.set(location, found.map { ($0.function, $0.file, $0.line) })
    }
    if hasNames { writer.markSymbolized(mapping, hasLines: frames != nil) }
    return hasNames
  }
}

/// Puts functions into a profile.
struct SymbolWriter {
  private(set) var profile: Profile
  private var functions: [Profile.Function: Int] = [:]
  private let names: FunctionNames

  init(_ profile: Profile) {
    self.profile = profile
    names = FunctionNames(style: .short, of: profile)
  }

  /// - Parameter frames: mangled name, file and line, the innermost first.
  mutating func set(_ location: Int, _ frames: [(function: String, file: String, line: Int)]) {
    profile.locations[location].firstLine = profile.lines.count
    profile.locations[location].lineCount = frames.count
    for frame in frames {
      let shown = names.display(frame.function)
      let function = Profile.Function(
        name: profile.strings.intern(shown.isEmpty ? "<unknown>" : shown),
        systemName: profile.strings.intern(frame.function), file: profile.strings.intern(frame.file))
      let index = functions[function] ?? profile.functions.count
      if index == profile.functions.count {
        profile.functions.append(function)
        functions[function] = index
      }
      profile.lines.append(Profile.Line(function: index, number: Int64(frame.line)))
    }
  }

  mutating func markSymbolized(_ mapping: Int, hasLines: Bool) {
    profile.mappings[mapping].hasFunctions = true
    profile.mappings[mapping].hasFilenames = hasLines
    profile.mappings[mapping].hasLineNumbers = hasLines
    profile.mappings[mapping].hasInlineFrames = hasLines
  }
}
