import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// Damaged input must give an error or a smaller answer: never a trap, never unbounded work. A hang shows as too few rounds.
@Suite final class FuzzTests {
  private let path = NSTemporaryDirectory() + "memwhy-fuzz-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  deinit { unlink(path) }

  private static func program() throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: try Linking.pie.program())))
  }

  @Test func elfFiles() throws {
    let bytes = try Self.program()
    let header = try ELFHeader(bytes)
    let sections = Int(header.sectionHeaderOffset)..<bytes.count
    var accepted = 0
    let rounds = Mutation.rounds(4000, seconds: 3) { generator in
      let damaged = Mutation.damaged(bytes, hot: [0..<64, 64..<1024, sections], using: &generator)
      guard let file = try? ELFFile(MemoryFile(damaged)) else { return }
      accepted += 1
      for section in file.sections() { _ = file.content(of: section, limit: 1 << 20) }
      for segment in file.segments { _ = file.content(of: segment, limit: 1 << 20) }
      _ = file.buildID
      _ = file.debugLink
    }
    #expect(rounds > 200 && accepted > 20)
  }

  @Test func elfImagesInMemory() throws {
    let bytes = try Self.program()
    let elf = try ELFFile(MemoryFile(bytes))
    var found = 0
    let rounds = Mutation.rounds(4000, seconds: 3, seed: 2) { generator in
      var memory = ByteMemory()
      memory.add(Mutation.damaged(bytes, hot: [0..<64, 64..<1024], using: &generator), at: 0x40_0000)
      let mappings = elf.segments.filter(\.isLoad).map { segment in
        Mapping(
          start: 0x40_0000 + segment.virtualAddress & ~0xfff,
          end: 0x40_0000 + (segment.virtualAddress + segment.memorySize + 0xfff) & ~0xfff,
          permissions: segment.isExecutable ? [.read, .execute] : [.read, .write],
          fileOffset: segment.fileOffset & ~0xfff,
          path: "/program")
      }
      found += ModuleDiscovery.modules(mappings: MapsParser.sortedWithoutOverlaps(mappings), memory: memory).count
    }
    #expect(rounds > 200 && found > 20)
  }

  @Test func coreFiles() throws {
    let bytes = SyntheticCore.bytes(segments: 30)
    var accepted = 0
    let rounds = try Mutation.rounds(4000, seconds: 3, seed: 3) { generator in
      let damaged = Mutation.damaged(bytes, hot: [0..<64, 64..<(64 + 31 * 56), 1800..<2400], using: &generator)
      try Data(damaged).write(to: URL(fileURLWithPath: self.path))
      guard let image = try? ProcessImage.core(path: self.path) else { return }
      accepted += 1
      for mapping in image.mappings.prefix(50) {
        _ = try? image.memory.bytes(at: mapping.start, count: 64)
        _ = try? image.memory.bytes(at: mapping.end &- 8, count: 16)
      }
      _ = try? image.memory.bytes(at: .max - 3, count: 8)
      #expect(zip(image.mappings, image.mappings.dropFirst()).allSatisfy { $0.end <= $1.start })
    }
    #expect(rounds > 200 && accepted > 20)
  }

  /// A core of gcore with its file notes and real modules.
  @Test func realCoreFiles() throws {
    let program = try RunningProgram(try Linking.static.program())
    guard (try? Command.run("gcore", ["-o", path, "\(program.pid)"]))?.status == 0,
      let data = try? Data(contentsOf: URL(fileURLWithPath: path + ".\(program.pid)"))
    else {
      print("skipped: gcore is not installed")
      return
    }
    unlink(path + ".\(program.pid)")
    let bytes = Array(data)
    let elf = try ELFFile(MemoryFile(bytes))
    let notes = elf.segments.first { $0.type == 4 }.map { Int($0.fileOffset)..<Int($0.fileOffset + $0.fileSize) }
    var accepted = 0
    let rounds = try Mutation.rounds(1500, seconds: 3, seed: 4) { generator in
      let damaged = Mutation.damaged(bytes, hot: [0..<64, 64..<1200, notes ?? 0..<0], using: &generator)
      try Data(damaged).write(to: URL(fileURLWithPath: self.path))
      guard let image = try? ProcessImage.core(path: self.path) else { return }
      accepted += 1
      for mapping in image.mappings.prefix(50) { _ = try? image.memory.bytes(at: mapping.start, count: 64) }
      for module in image.modules { _ = image.files.open(module)?.count }
    }
    #expect(rounds > 50 && accepted > 10)
  }

  @Test func procfsText() throws {
    let maps = try contents(of: "/proc/self/maps")
    let status = try contents(of: "/proc/self/status")
    let stat = try contents(of: "/proc/self/stat")
    var mappings = 0
    let rounds = Mutation.rounds(2000, seconds: 3, seed: 5) { generator in
      let parsed = MapsParser.parse(Mutation.damaged(maps, using: &generator))
      mappings += parsed.count
      #expect(parsed.allSatisfy { $0.start < $0.end })
      #expect(zip(parsed, parsed.dropFirst()).allSatisfy { $0.end <= $1.start })
      let damaged = ProcessStatus(parsing: Mutation.damaged(status, using: &generator))
      _ = (damaged.processID, damaged.pageTableBytes, damaged.userIDs, damaged.namespacePIDs, damaged.threadFeatures)
      _ = ProcessStat(parsing: Mutation.damaged(stat, using: &generator))
      _ = ELFNote.parse(Mutation.damaged(stat, using: &generator), alignment: generator.next() & 8)
    }
    #expect(rounds > 100 && mappings > 1000)
  }

  /// Work may not grow beyond the size of a file whose tables all lie on top of each other.
  @Test func overlappingTables() throws {
    let count = 60_000
    var bytes = [UInt8](repeating: 0, count: 64 + count * 56 + (1 << 20))
    bytes.replaceSubrange(0..<64, with: SyntheticCore.bytes(segments: 1)[0..<64])
    bytes.put(UInt64(64), at: 32)
    bytes.put(UInt16(count), at: 56)
    for index in 0..<count {
      let entry = 64 + index * 56
      bytes.put(UInt32(4), at: entry)
      bytes.put(UInt64(0), at: entry + 8)
      bytes.put(UInt64(bytes.count), at: entry + 32)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let elf = try ELFFile(MemoryFile(bytes))
    let time = ContinuousClock().measure {
      #expect(throws: ProcessImageError.self) { try ProcessImage.core(path: self.path) }
      #expect(elf.buildID == nil)
    }
    #expect(time < .seconds(20))
  }
}
