import Foundation
import TestSupport
import Testing

@testable import ProcessImage

@Suite struct RunningImageTests {
  @Test(arguments: Linking.allCases) func modulesAndMemory(linking: Linking) throws {
    let path = try linking.program()
    let program = try RunningProgram(path)
    let facts = ProgramFacts(program.output)
    let image = try ProcessImage.running(pid: program.pid)

    #expect(image.source == .running && image.pid == program.pid && !image.isConsistent)
    let data = try facts.value("exported_data")
    #expect(try image.memory.load(UInt64.self, at: data) == 0x1122_3344_5566_7788)
    #expect(try image.memory.words(at: facts.value("hidden_data"), count: 4) == [1, 2, 3, 4])
    let block = try image.memory.bytes(at: facts.value("block"), count: 5000)
    #expect(block == (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) })

    let main = try #require(image.modules.first { $0.path == path })
    let bss = try facts.value("large_bss")
    #expect(main.writableRanges.contains { $0.contains(data) })
    #expect(main.writableRanges.contains { $0.contains(bss) && $0.contains(bss + 65_535) })
    #expect(!main.writableRanges.contains { $0.contains((try? facts.value("block")) ?? data) })
    let readOnly = try facts.value("read_only")
    #expect(readOnly >= main.start && readOnly < main.end)
    #expect(!main.writableRanges.contains { $0.contains(readOnly) })
    #expect((main.bias == 0) == (linking == .fixed || linking == .static))
    let names = Set(image.modules.map(\.name))
    switch linking {
    case .pie, .fixed: #expect(names.isSuperset(of: ["libc.so.6", "ld-linux-x86-64.so.2"]))
    case .static, .staticPie: #expect(image.modules.count == 1)
    }
    #expect(!image.modules.contains { $0.path.hasPrefix("[") })

    // The file must be the same one as in memory, by what binutils says of it.
    let expected = try TestProgram.run("readelf", ["-n", path])
    let buildID = try #require(main.buildID)
    #expect(expected.contains("Build ID: \(buildID)"))
    let file = try #require(image.files.open(main))
    #expect(try ELFFile(file).buildID == buildID)
  }

  @Test func deletedExecutableAndFlatMapping() throws {
    let folder = try makeTemporaryFolder("image")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/deleted program"
    try copyProgram(Linking.pie.program(), to: path)
    let program = try RunningProgram(path)
    try FileManager.default.removeItem(atPath: path)
    // Another file takes the name: it must not be taken for the program's.
    try FileManager.default.copyItem(atPath: "/bin/true", toPath: path)
    let image = try ProcessImage.running(pid: program.pid)
    let main = try #require(image.modules.first { $0.path == path })
    #expect(main.isDeleted)
    let file = try #require(image.files.open(main))
    #expect(try ELFFile(file).buildID == main.buildID)
  }

  @Test func fileMappedForReadingIsNoModule() throws {
    let path = "/usr/bin/env"
    let descriptor = open(path, O_RDONLY)
    #expect(descriptor >= 0)
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    #expect(address != MAP_FAILED)
    defer { munmap(address, size) }
    let image = try ProcessImage.running(pid: getpid())
    #expect(image.mappings.contains { $0.path == path || $0.path.hasSuffix("/env") })
    #expect(!image.modules.contains { $0.name == "env" })
  }

  @Test func readsAreAllOrNothing() throws {
    let page = 4096
    let area = mmap(nil, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let base = UInt64(UInt(bitPattern: area))
    defer { munmap(area, 3 * page) }
    munmap(area?.advanced(by: page), page)
    let memory = try LiveMemory(pid: getpid())
    #expect(try memory.bytes(at: base, count: page) == [UInt8](repeating: 0, count: page))
    for (address, count) in [(base + 4000, 200), (base + 4096, 1), (UInt64.max - 2, 8), (1 << 63, 8), (8, 8)] {
      #expect(throws: MemoryError.unreadable(address: address, count: count)) {
        try memory.bytes(at: address, count: count)
      }
    }
  }

  @Test func endedProcessIsGone() throws {
    let program = try RunningProgram(try Linking.pie.program())
    let facts = ProgramFacts(program.output)
    let memory = try LiveMemory(pid: program.pid)
    let address = try facts.value("exported_data")
    #expect(try memory.load(UInt64.self, at: address) == 0x1122_3344_5566_7788)
    let image = try ProcessImage.running(pid: program.pid)
    program.stop()
    // Files are still there: names may be asked for late.
    let module = try #require(image.modules.first { $0.name == "libc.so.6" })
    let file = try #require(image.files.open(module))
    #expect(try ELFFile(file).buildID == module.buildID)
    #expect(throws: MemoryError.targetGone) { try memory.load(UInt64.self, at: address) }
  }
}
