import CLinux

extension ProcessImage {
  /// The process in an ELF core file. Memory that the file lacks is unreadable, counted in `missingBytes` and named in `remarks`.
  ///
  /// - Parameter fileRoots: where the target's files are: folders with a copy of its file system, `/` for this machine.
  /// - Throws: `cannotRead`, `notACore`, `truncatedCore`.
  public static func core(path: String, fileRoots: [String] = ["/"]) throws(ProcessImageError) -> ProcessImage {
    let core = try CoreFile(path: path, fileRoots: fileRoots)
    var mappings = core.regions.map(mapping)
    CoreLabels.markCode(in: &mappings, core: core)
    let modules = ModuleDiscovery.modules(mappings: mappings, memory: core)
    CoreLabels.apply(to: &mappings, notes: core.notes, modules: modules)
    var image = ProcessImage(
      source: .core, pid: nil, name: core.notes.name, mappings: mappings, modules: modules,
      threads: core.notes.threads, memory: core, files: core.files)
    image.missingBytes = core.missingBytes
    image.remarks = remarks(core, modules: modules)
    return image
  }

  private static func mapping(_ region: CoreFile.Region) -> Mapping {
    var permissions: Mapping.Permissions = []
    if region.flags & 4 != 0 { permissions.insert(.read) }
    if region.flags & 2 != 0 { permissions.insert(.write) }
    if region.flags & 1 != 0 { permissions.insert(.execute) }
    guard let source = region.source else {
      return Mapping(start: region.start, end: region.end, permissions: permissions)
    }
    var mapping = Mapping(
      start: region.start, end: region.end, permissions: permissions,
      fileOffset: source.fileOffset &+ (region.start - source.start), path: source.path, isDeleted: source.isDeleted)
    // Program headers do not say "shared"; such memory always is.
    if mapping.isMemoryFile { mapping.permissions.insert(.shared) }
    return mapping
  }

  private static func remarks(_ core: CoreFile, modules: [Module]) -> [String] {
    var result: [String] = []
    if core.missingBytes > 0 {
      result.append(
        "the core file is cut off: \(core.missingBytes) bytes of memory are missing, so leaks cannot be judged")
    }
    let code = Set(core.regions.compactMap { $0.flags & 1 != 0 ? $0.source?.path : nil })
    let unknown = code.subtracting(modules.map(\.path)).sorted()
    if !unknown.isEmpty {
      result.append(
        "these mapped files are not in the core file, and not here in the same version: \(unknown.joined(separator: ", "))"
      )
    }
    if core.notes.threads.contains(where: { $0.threadPointer == 0 }) {
      result.append("the core file lacks the thread pointer of some threads; it was written by an old gcore")
    }
    return result
  }
}

/// What the kernel shows in `/proc/PID/maps` and a core file does not hold.
enum CoreLabels {
  /// The brk area begins at a random place behind the executable: within 1 GiB (arch/x86/kernel/process.c, `arch_randomize_brk`).
  private static let farthestHeap: UInt64 = 1 << 30
  /// `ELF_ET_DYN_BASE` of x86-64: behind it begins the brk area of static position-independent programs (fs/binfmt_elf.c).
  private static let dynamicBase: UInt64 = 0x5555_5555_4000

  /// Memory that gcore left out is executable where the module's program headers say so.
  static func markCode(in mappings: inout [Mapping], core: CoreFile) {
    var image: ELFImage?
    var path = ""
    for (index, region) in core.regions.enumerated() {
      guard let source = region.source else { continue }
      if source.fileOffset == 0, source.start == region.start {
        image = ELFImage(memory: core, base: region.start)
        path = source.path
      }
      guard region.isUnlisted, source.path == path, let image else { continue }
      let isCode = image.segments.contains { segment in
        segment.isLoad && segment.isExecutable && image.pages(of: segment)?.contains(region.start) == true
      }
      if isCode { mappings[index].permissions.insert(.execute) }
    }
  }

  static func apply(to mappings: inout [Mapping], notes: CoreNotes, modules: [Module]) {
    func label(_ address: UInt64?, _ name: String) {
      guard let address, let index = mappings.indexContaining(address), mappings[index].path.isEmpty else { return }
      mappings[index].path = name
    }
    let auxiliary = notes.auxiliaryVector
    label(auxiliary[UInt64(AT_SYSINFO_EHDR)], "[vdso]")
    label(0xffff_ffff_ff60_0000, "[vsyscall]")
    // The kernel puts these random bytes above the first frame of the main stack.
    label(auxiliary[UInt64(AT_RANDOM)], "[stack]")
    guard let headers = auxiliary[UInt64(AT_PHDR)], let main = modules.containing(headers) else { return }
    let heap = firstAnonymous(in: mappings, from: main.end) ?? firstAnonymous(in: mappings, from: dynamicBase)
    if let heap { mappings[heap].path = "[heap]" }
  }

  private static func firstAnonymous(in mappings: [Mapping], from address: UInt64) -> Int? {
    var index = mappings.partitionIndex { $0.start < address }
    while index < mappings.count, mappings[index].start - address < farthestHeap {
      if mappings[index].path.isEmpty, mappings[index].isWritablePrivate { return index }
      index += 1
    }
    return nil
  }
}
