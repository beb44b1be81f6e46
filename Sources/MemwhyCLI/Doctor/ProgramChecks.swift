import CLinux
import Malloc
import Measurement
import ProcessImage
import Reports

/// What can be told about this program's heap: its kind, its allocator, its symbols.
enum ProgramChecks {
  typealias Check = DoctorReport.Check

  static func all(_ target: Procfs.Target) -> [Check] {
    guard let mappings = try? Procfs.mappings(of: target.memoryThread) else { return [] }
    let paths = Set(mappings.lazy.filter(\.isFile).map(\.path))
    var checks: [Check] = []
    guard let file = try? DiskFile(path: "/proc/\(target.memoryThread)/exe"), let program = try? ELFFile(file) else {
      return [
        Check("program", .warn, "the executable cannot be read: names will be missing"),
        allocator(paths, isStatic: false),
      ]
    }
    let sections = program.sections()
    let isStatic = !program.segments.contains { $0.type == UInt32(PT_INTERP) }
    checks.append(swift(sections, paths: paths))
    let isEmulated = (try? ProcessImage.running(pid: target.pid).isEmulated) ?? false
    checks.append(isEmulated ? emulated : allocator(paths, isStatic: isStatic))
    checks.append(symbols(sections, hasBuildID: program.buildID != nil))
    checks.append(framePointers(program, sections))
    if let deleted = mappings.first(where: { $0.isDeleted && $0.isFile && $0.permissions.contains(.execute) }) {
      checks.append(
        Check(
          "files", .warn, "\(deleted.path) was deleted or replaced after it was loaded",
          advice: "its symbols are read through /proc where the kernel allows it"))
    }
    return checks
  }

  /// Swift code has reflection sections; the runtime is a library or part of the program.
  static func swift(_ sections: [ELFSection], paths: Set<String>) -> Check {
    let runtime = paths.contains { $0.contains("/libswiftCore.so") }
    let hasMetadata = sections.contains { $0.name.hasPrefix("swift5_") }
    if runtime { return Check("swift", .ok, "Swift runtime as a shared library") }
    if hasMetadata { return Check("swift", .ok, "Swift runtime linked statically") }
    return Check("swift", .warn, "no Swift code in the program: blocks are counted and checked, they have no types")
  }

  private static let emulated = Check(
    "allocator", .warn,
    "the program runs under an emulator or Valgrind: types and sizes of what is reachable, leaks cannot be judged",
    advice: "run the service natively once, where a leak is suspected")

  static func allocator(_ paths: Set<String>, isStatic: Bool) -> Check {
    if paths.contains(where: { $0.contains("/ld-musl-") }) {
      return Check("allocator", .warn, "musl: types and sizes of what is reachable, leaks cannot be judged")
    }
    for path in paths.sorted() {
      let name = path.fileName ?? path
      guard let other = KnownAllocators.name(ofModule: name) else { continue }
      return Check(
        "allocator", .warn, "\(other) (\(name)): types and sizes of what is reachable, leaks cannot be judged",
        advice: "run the service without it once, where a leak is suspected")
    }
    if paths.contains(where: { $0.hasSuffix("/libc.so.6") || $0.contains("/libc-2.") }) {
      return Check("allocator", .ok, "glibc: every block is found, leaks can be judged")
    }
    return isStatic
      ? Check("allocator", .warn, "linked statically: which allocator it is shows only when it is looked at")
      : Check("allocator", .warn, "not recognised by name; it shows when it is looked at")
  }

  static func symbols(_ sections: [ELFSection], hasBuildID: Bool) -> Check {
    if sections.contains(where: { $0.name == ".symtab" }) {
      return Check("symbols", .ok, "symbol table present: globals and functions have names")
    }
    if sections.contains(where: { $0.name == ".gnu_debuglink" }) || hasBuildID {
      return Check(
        "symbols", .warn, "stripped: types keep their names, globals and async functions lose theirs",
        advice: "keep the unstripped binary and name its folder with --debug-dir")
    }
    return Check(
      "symbols", .warn, "stripped and without a build id: globals and async functions have no names",
      advice: "link with --build-id and keep the unstripped binary")
  }

  /// `push %rbp; mov %rsp,%rbp` at the start of functions, counted in a sample of the code. Needed by profilers, not by a
  /// snapshot.
  static func framePointers(_ program: ELFFile, _ sections: [ELFSection]) -> Check {
    guard let text = sections.first(where: { $0.name == ".text" }) else {
      return Check("frame-pointers", .warn, "the program has no code section to look at")
    }
    let code = program.content(of: text, limit: 1 << 20)
    let count = prologues(in: code)
    guard code.count >= 4096 else { return Check("frame-pointers", .ok, "too little code to tell") }
    // Swift functions of 1 KiB and more are rare: a thousandth is far below what a build with frame pointers has.
    return count * 1024 >= code.count
      ? Check(
        "frame-pointers", .ok, "present: \(Count(count)) functions in \(ByteCount(code.count)) of code set one up")
      : Check(
        "frame-pointers", .warn, "hardly any function keeps a frame pointer: profilers cannot walk its stacks",
        advice: "build with -Xcc -fno-omit-frame-pointer")
  }

  static func prologues(in code: [UInt8]) -> Int {
    guard code.count >= 4 else { return 0 }
    var count = 0
    code.withUnsafeBufferPointer { bytes in
      for index in 0..<(bytes.count - 3)
      where bytes[index] == 0x55 && bytes[index + 1] == 0x48 && bytes[index + 2] == 0x89 && bytes[index + 3] == 0xe5 {
        count += 1
      }
    }
    return count
  }
}
