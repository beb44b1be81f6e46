import CLinux
import Glibc
import ProcessImage

/// A program that is to run under the sampler: found as a shell finds it, and looked at, because the loader would silently leave the
/// sampler out of some programs.
struct SampledProgram {
  let path: String

  /// - Throws: `noInput` where there is no such program, `notPermitted` where the sampler cannot be loaded into it.
  init(_ command: String) throws(CLIError) {
    path = try Self.find(command)
    var program = path
    if let interpreter = Self.interpreter(ofScript: path) {
      program = interpreter
      Terminal.error(
        "memwhy: \(path) is a script: its interpreter \(interpreter) is sampled; give --target NAME to sample a program that it starts\n"
      )
    }
    try Self.check(program)
  }

  private static func find(_ command: String) throws(CLIError) -> String {
    guard !command.isEmpty else { throw .usage("the command is empty") }
    let folders =
      command.contains("/")
      ? [""] : (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin").split(separator: ":").map { "\($0)/" }
    for folder in folders where access(folder + command, X_OK) == 0 {
      var status = stat()
      if stat(folder + command, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return folder + command }
    }
    throw .noInput("there is no program '\(command)' that may be run; give its path")
  }

  /// The program behind `#!`.
  private static func interpreter(ofScript path: String) -> String? {
    guard let file = try? DiskFile(path: path) else { return nil }
    let start = file.bytes(at: 0, count: 256)
    guard start.starts(with: Array("#!".utf8)) else { return nil }
    let line = start.dropFirst(2).prefix { $0 != 10 }
    return String(decoding: line, as: UTF8.self).split(separator: " ").first.map(String.init)
  }

  private static func check(_ path: String) throws(CLIError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw .noInput("cannot look at \(path): \(systemMessage(errno))")
    }
    let changesUser = status.st_mode & S_ISUID != 0 && status.st_uid != geteuid()
    let changesGroup = status.st_mode & S_ISGID != 0 && status.st_gid != getegid()
    if changesUser || changesGroup {
      throw .notPermitted(
        "\(path) runs with another user's rights (setuid or setgid), and the loader takes no sampler into such a program; run it as that user from a copy without the bit"
      )
    }
    if geteuid() != 0, memwhy_has_attribute(path, "security.capability") != 0 {
      throw .notPermitted(
        "\(path) has file capabilities, and the loader takes no sampler into such a program; run it from a copy without them"
      )
    }
    // A file that may be run but not read cannot be looked at; the loader can.
    guard let file = try? DiskFile(path: path) else { return }
    let elf: ELFFile
    do { elf = try ELFFile(file) } catch {
      throw .noInput("\(path) is no 64-bit ELF program: the sampler cannot be loaded into it")
    }
    guard let segment = elf.segments.first(where: { $0.type == UInt32(PT_INTERP) }) else {
      throw .notPermitted(
        "\(path) is linked statically: no loader runs that could take the sampler in; link it dynamically, or link MemwhyService into it"
      )
    }
    let loader = String(decoding: elf.content(of: segment, limit: 4096).prefix { $0 != 0 }, as: UTF8.self)
    guard loader.contains("/ld-linux") else {
      throw .notPermitted(
        "\(path) uses the loader \(loader), not glibc's: the sampler is made for glibc; link MemwhyService into it")
    }
  }
}

/// Where the sampler's library is: beside the command, in `../lib`, or where `MEMWHY_SAMPLER_LIBRARY` says.
enum SamplerLibrary {
  static let name = "libmemwhysampler.so"

  static func find() throws(CLIError) -> String {
    if let wished = getenv("MEMWHY_SAMPLER_LIBRARY").map({ String(cString: $0) }) {
      guard access(wished, R_OK) == 0 else {
        throw .noInput("MEMWHY_SAMPLER_LIBRARY names \(wished), which is not there")
      }
      return wished
    }
    let own = linkTarget("/proc/self/exe") ?? ""
    let folder = own.folder
    for candidate in ["\(folder)/\(name)", "\(folder)/../lib/\(name)", "\(folder)/../lib/memwhy/\(name)"] {
      if access(candidate, R_OK) == 0 { return candidate }
    }
    throw .noInput(
      "\(name) is not beside \(own): in a clone of memwhy `scripts/sampler-library \(folder)` builds it; or name it in MEMWHY_SAMPLER_LIBRARY"
    )
  }
}
