import ProcessImage

/// Finds the file with a module's symbols: the module's own, or a separate debug file of the same build.
///
/// Conventions: GDB manual, "Debugging Information in Separate Files".
struct SymbolFileFinder: Sendable {
  let files: any ModuleFiles
  /// Folders of separate debug files, the user's first.
  let folders: [String]
  static let systemFolder = "/usr/lib/debug"
  /// Larger files are not read for their checksum alone.
  private static let largestChecked = 4 << 30

  init(files: any ModuleFiles, debugDirectories: [String]) {
    self.files = files
    folders = debugDirectories + [Self.systemFolder]
  }

  /// The best table: the module's own if it is full, else a debug file's, else what the module exports.
  func symbols(of module: Module) -> (SymbolTable?, ImageSymbols.Origin) {
    let own = files.open(module).flatMap { try? ELFFile($0) }
    let ownTable = own.map(SymbolTable.init)
    if let ownTable, ownTable.isFull { return (ownTable, .file) }
    let buildID = module.buildID ?? own?.buildID
    for path in candidates(module, buildID: buildID, link: own?.debugLink?.name) {
      // In the target's file system (its container may bring debug files), then in ours.
      for file in opened(path, module: module, buildID: buildID) {
        guard let elf = try? ELFFile(file), matches(elf, buildID: buildID, crc: own?.debugLink?.crc) else { continue }
        let table = SymbolTable(elf)
        if table.isFull { return (table, .debugFile(path: path)) }
      }
    }
    return (ownTable, ownTable == nil ? .none : .exportedOnly)
  }

  /// Paths to try, best first.
  func candidates(_ module: Module, buildID: String?, link: String?) -> [String] {
    let moduleFolder = String(module.path.prefix(upTo: module.path.lastIndex(of: "/") ?? module.path.startIndex))
    var result: [String] = []
    for folder in folders {
      if let buildID, buildID.utf8.count > 2, buildID.utf8.allSatisfy({ $0 < 0x80 }) {
        result.append("\(folder)/.build-id/\(buildID.prefix(2))/\(buildID.dropFirst(2)).debug")
      }
      result.append("\(folder)\(module.path).debug")
    }
    // The file names of a debuglink must not lead elsewhere.
    if let link, !link.contains("/"), link != ".." {
      result.append("\(moduleFolder)/\(link)")
      result.append("\(moduleFolder)/.debug/\(link)")
      result += folders.map { "\($0)\(moduleFolder)/\(link)" }
      result += folders.dropLast().map { "\($0)/\(link)" }
    }
    // What people have at hand: the unstripped binary of the build, in a folder.
    for folder in folders.dropLast() {
      result += ["\(folder)/\(module.name).debug", "\(folder)/\(module.name)", "\(folder)\(module.path)"]
    }
    return result
  }

  private func opened(_ path: String, module: Module, buildID: String?) -> [any FileBytes] {
    var result: [any FileBytes] = []
    if buildID != nil, !folders.dropLast().contains(where: { path.hasPrefix($0) }) {
      var inTarget = module
      inTarget.path = path
      inTarget.isDeleted = false
      inTarget.buildID = buildID
      if let file = files.open(inTarget) { result.append(file) }
    }
    if let file = try? DiskFile(path: path) { result.append(file) }
    return result
  }

  /// Same build: by build id where the module has one, else by the link's checksum; never by name alone.
  private func matches(_ elf: ELFFile, buildID: String?, crc: UInt32?) -> Bool {
    if let buildID { return elf.buildID == buildID }
    guard let crc, elf.file.count <= Self.largestChecked else { return false }
    return CRC32.checksum(of: elf.file) == crc
  }
}

/// CRC-32 as in `.gnu_debuglink` and zlib (polynomial 0xedb88320, reflected).
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 != 0 ? (value >> 1) ^ 0xedb8_8320 : value >> 1 }
  }

  /// Over a whole file, a piece at a time. O(size).
  static func checksum(of file: any FileBytes) -> UInt32 {
    var value = UInt32.max
    var offset = 0
    while true {
      let bytes = file.bytes(at: offset, count: 1 << 20)
      if bytes.isEmpty { return ~value }
      value = update(value, bytes)
      offset += bytes.count
    }
  }

  private static func update(_ start: UInt32, _ bytes: [UInt8]) -> UInt32 {
    var value = start
    table.withUnsafeBufferPointer { table in
      for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xff)] ^ (value >> 8) }
    }
    return value
  }
}
