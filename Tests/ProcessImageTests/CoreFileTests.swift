import Foundation
import TestSupport
import Testing

@testable import ProcessImage

@Suite final class CoreFileTests {
  private let folder = NSTemporaryDirectory() + "memwhy-core-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// A core that the kernel wrote, and what the program printed; nil with a printed reason where it does not write files.
  private func kernelCore(_ program: String) throws -> (path: String, facts: ProgramFacts)? {
    let pattern = (try? String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)) ?? "|"
    guard !pattern.hasPrefix("|"), !pattern.contains("/") else {
      print("skipped: kernel.core_pattern sends core files elsewhere: \(pattern)")
      return nil
    }
    let result = try Command.run(
      "sh", ["-c", "ulimit -c unlimited && cd \"$1\" && exec \"$2\" abort", "sh", folder, program])
    let name = try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasPrefix("core") }
    guard let name else {
      print("skipped: the kernel wrote no core file (hard limit of RLIMIT_CORE?)")
      return nil
    }
    return (folder + "/" + name, ProgramFacts(result.output))
  }

  /// A core by gcore of a running program; nil with a printed reason where gdb is missing.
  private func gcore(_ pid: Int32) throws -> String? {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/gcore") else {
      print("skipped: gcore is not installed")
      return nil
    }
    let result = try Command.run("gcore", ["-o", folder + "/dump", "\(pid)"])
    let path = folder + "/dump.\(pid)"
    guard FileManager.default.fileExists(atPath: path) else {
      print("skipped: gcore failed: \(result.errors)")
      return nil
    }
    return path
  }

  private func expectProgram(_ image: ProcessImage, _ facts: ProgramFacts, path: String) throws {
    #expect(image.source == .core && image.isConsistent && image.missingBytes == 0)
    // The kernel keeps 15 bytes, gcore 16.
    #expect(image.name.count >= 15 && (path as NSString).lastPathComponent.hasPrefix(image.name))
    #expect(try image.memory.load(UInt64.self, at: facts.value("exported_data")) == 0x1122_3344_5566_7788)
    #expect(try image.memory.words(at: facts.value("hidden_data"), count: 4) == [1, 2, 3, 4])
    let block = try facts.value("block")
    #expect(try image.memory.bytes(at: block, count: 5000) == (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) })
    let last = try image.memory.bytes(at: facts.value("large_bss"), count: 65536)
    #expect(last.dropLast().allSatisfy { $0 == 0 })
    let lastByte = try facts.value("large_bss_last")
    #expect(UInt64(last[65535]) == lastByte)
    // Read-only parts are not in the core file, but in the program.
    let text = try #require(image.memory.cString(at: facts.value("read_only")))
    #expect(String(decoding: text, as: UTF8.self) == "read only text of the program")
    let main = try #require(image.modules.first { $0.path == path })
    #expect(try ELFFile(try #require(image.files.open(main))).buildID == main.buildID)
    #expect(main.writableRanges.contains { $0.contains((try? facts.value("large_bss")) ?? 0) })
    #expect(image.mappings.containing(block)?.path == "[heap]")

    let thread = try #require(image.threads.first)
    #expect(image.threads.count == 1 && thread.registers.count == 27 && thread.vectorState.count >= 512)
    #expect(image.mappings.containing(thread.stackPointer)?.path == "[stack]")
    #expect(image.mappings.containing(thread.instructionPointer)?.permissions.contains(.execute) == true)
    // The thread control block begins with its own address (glibc, sysdeps/x86_64/nptl/tls.h).
    #expect(try image.memory.load(UInt64.self, at: thread.threadPointer) == thread.threadPointer)
  }

  @Test(arguments: Linking.allCases) func fromTheKernel(linking: Linking) throws {
    let path = try linking.program()
    guard let core = try kernelCore(path) else { return }
    let image = try ProcessImage.core(path: core.path)
    try expectProgram(image, core.facts, path: path)
    #expect(image.remarks.isEmpty)
    #expect(!image.modules.contains { $0.path.contains("vdso") })
  }

  @Test(arguments: Linking.allCases) func fromGcore(linking: Linking) throws {
    let path = try linking.program()
    let program = try RunningProgram(path)
    guard let core = try gcore(program.pid) else { return }
    let image = try ProcessImage.core(path: core)
    try expectProgram(image, ProgramFacts(program.output), path: path)
    // The same modules at the same places as in the living process.
    let live = try ProcessImage.running(pid: program.pid)
    #expect(image.modules.map(\.path) == live.modules.map(\.path))
    #expect(image.modules.map(\.bias) == live.modules.map(\.bias))
    #expect(image.modules.map(\.buildID) == live.modules.map(\.buildID))
    #expect(image.modules.map(\.writableRanges) == live.modules.map(\.writableRanges))
    let heap = live.mappings.filter { $0.path == "[heap]" }.map { [$0.start, $0.end] }
    #expect(image.mappings.filter { $0.path == "[heap]" }.map { [$0.start, $0.end] } == heap)
  }

  @Test func withoutTheFiles() throws {
    // Static: large enough that its text lies beyond the first page, which the kernel dumps.
    guard let core = try kernelCore(try Linking.static.program()) else { return }
    let image = try ProcessImage.core(path: core.path, fileRoots: [folder])
    #expect(try image.memory.load(UInt64.self, at: core.facts.value("exported_data")) == 0x1122_3344_5566_7788)
    #expect(throws: MemoryError.self) { try image.memory.bytes(at: core.facts.value("read_only"), count: 8) }
  }

  @Test func replacedProgramIsNotBelieved() throws {
    let path = folder + "/replaced"
    try copyProgram(Linking.static.program(), to: path)
    guard let core = try kernelCore(path) else { return }
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: Linking.static.program(extra: ["-O1"]), toPath: path)
    let image = try ProcessImage.core(path: core.path)
    #expect(throws: MemoryError.self) { try image.memory.bytes(at: core.facts.value("read_only"), count: 8) }
    if let main = image.modules.first(where: { $0.path == path }) { #expect(image.files.open(main) == nil) }
    #expect(try image.memory.load(UInt64.self, at: core.facts.value("exported_data")) == 0x1122_3344_5566_7788)
  }

  @Test func aCoreThatIsCutOffSaysSo() throws {
    guard let core = try kernelCore(try Linking.pie.program()) else { return }
    let whole = try Data(contentsOf: URL(fileURLWithPath: core.path))
    let path = folder + "/cut"
    var errors = 0
    var smaller = 0
    for part in 0...20 {
      try whole.prefix(whole.count * part / 20).write(to: URL(fileURLWithPath: path))
      do {
        let image = try ProcessImage.core(path: path)
        guard part < 20 else {
          #expect(image.isConsistent)
          continue
        }
        smaller += 1
        #expect(image.missingBytes > 0 && !image.isConsistent)
        #expect(image.remarks.contains { $0.contains("cut off") })
      } catch {
        errors += 1
        switch error {
        case .truncatedCore, .notACore: break
        default: Issue.record("\(error)")
        }
      }
    }
    #expect(errors > 0 && smaller > 0)
  }

  @Test func notACore() throws {
    func expectRefused(_ path: String, _ words: String, _ comment: String = "") {
      do {
        _ = try ProcessImage.core(path: path)
        Issue.record("accepted \(path)")
      } catch { #expect("\(error)".contains(words), "\(error)") }
    }
    expectRefused("/bin/true", "another kind of ELF file")
    expectRefused("/proc/self/status", "is not a core file")
    expectRefused(folder, "cannot read")
    expectRefused(folder + "/missing", "No such file")
    expectRefused("/dev/null", "cannot read")
    for (bytes, words) in [([0x28, 0xb5, 0x2f, 0xfd, 0, 0], "zstd"), ([0x1f, 0x8b, 8, 0], "gzip"), ([], "shorter")]
      as [([UInt8], String)]
    {
      let path = folder + "/other"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      expectRefused(path, words)
    }
    var narrow = [UInt8](repeating: 0, count: 64)
    narrow.replaceSubrange(0..<6, with: [0x7f, 0x45, 0x4c, 0x46, 1, 1])
    try Data(narrow).write(to: URL(fileURLWithPath: folder + "/narrow"))
    expectRefused(folder + "/narrow", "32-bit")
  }

  @Test func moreThan65535Segments() throws {
    let path = folder + "/large"
    try Data(SyntheticCore.bytes(segments: 70_000)).write(to: URL(fileURLWithPath: path))
    let image = try ProcessImage.core(path: path)
    #expect(image.mappings.count == 70_000)
    #expect(image.name == "synthetic" && image.threads.map(\.tid) == [77])
    #expect(try image.memory.load(UInt64.self, at: SyntheticCore.address(of: 69_999)) == 69_999)
    // Behind the dumped bytes anonymous memory is zero.
    #expect(try image.memory.load(UInt64.self, at: SyntheticCore.address(of: 69_999) + 8) == 0)
    #expect(throws: MemoryError.self) {
      try image.memory.load(UInt64.self, at: SyntheticCore.address(of: 70_000))
    }
  }

  /// The kernel leaves holes where a page was never touched, and leaves out what the process never wrote: scans must not read terabytes of either.
  @Test func holesAndWhatWasNotDumpedAreSkipped() throws {
    let path = folder + "/sparse"
    let (dumped, memory, data) = (UInt64(1) << 32, UInt64(1) << 40, UInt64(1) << 31)
    let start = SyntheticCore.address(of: 1)
    var bytes = SyntheticCore.bytes(segments: 2)
    let (entry, offset) = (64 + 2 * 56, UInt64(1) << 20)
    for (place, value) in [(8, offset), (32, dumped), (40, memory)] { bytes.put(value, at: entry + place) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = try #require(fopen(path, "r+"))
    defer { fclose(file) }
    #expect(ftruncate(fileno(file), off_t(offset + dumped)) == 0)
    #expect(fseek(file, Int(offset + data), SEEK_SET) == 0 && fputc(7, file) == 7 && fflush(file) == 0)
    let image = try ProcessImage.core(path: path)
    guard try DiskFile(path: path).dataOffset(from: offset) != offset else {
      print("skipped: this file system has no holes")
      return
    }
    #expect(image.missingBytes == 0)
    let found = image.memory.skippingUntouched(start, to: start + memory)
    // A hole ends where a block of the file system does.
    #expect(found <= start + data && found + (1 << 20) > start + data)
    #expect(try image.memory.load(UInt8.self, at: start + data) == 7)
    #expect(image.memory.skippingUntouched(start + data, to: start + memory) == start + data)
    let behind = start + data + (1 << 20)
    #expect(image.memory.skippingUntouched(behind, to: behind + 5) == behind + 5)
    #expect(image.memory.skippingUntouched(behind, to: start + memory) == start + dumped)
    #expect(image.memory.skippingUntouched(start + dumped, to: start + memory) == start + memory)
    // What is missing of a core file that was cut off is not untouched.
    #expect(ftruncate(fileno(file), off_t(offset + data)) == 0)
    let cut = try ProcessImage.core(path: path)
    #expect(cut.memory.skippingUntouched(start + data, to: start + memory) == start + data)
    #expect(cut.missingBytes == dumped - data)
  }
}
