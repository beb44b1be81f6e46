import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Symbols

/// Damaged symbol tables and names: never a trap, never unbounded work.
@Suite struct SymbolFuzzTests {
  @Test func damagedSymbolTablesNeverTrap() throws {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: try Linking.pie.program())))
    let elf = try ELFFile(MemoryFile(bytes))
    let tables = elf.sections().filter { [2, 3, 11].contains($0.type) }
      .map { Int($0.fileOffset)..<Int($0.fileOffset + $0.size) }
    #expect(tables.count >= 3)
    var symbols = 0
    let rounds = Mutation.rounds(3000, seconds: 3) { generator in
      let headers = Int(elf.header.sectionHeaderOffset)..<bytes.count
      let damaged = Mutation.damaged(bytes, hot: tables + [headers], using: &generator)
      guard let file = try? ELFFile(MemoryFile(damaged)) else { return }
      let table = SymbolTable(file)
      symbols += table.count
      for _ in 0..<20 {
        let address = UInt64.random(in: 0..<0x5000, using: &generator)
        if let entry = table.entry(covering: address) {
          #expect(entry.address <= address)
          _ = table.name(of: entry)
        }
      }
      _ = table.entry(covering: .max)
      _ = table.entry(named: "hidden_function")
      _ = table.entry(named: "")
    }
    #expect(rounds > 100 && symbols > 1000)
  }

  /// Every name ends where the table ends: indexing them may not be quadratic.
  @Test func namesThatEndTogetherTakeLinearTime() throws {
    let count = 60_000
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: try Linking.pie.program())))
    let elf = try ELFFile(MemoryFile(bytes))
    let index = try #require(elf.sections().firstIndex { $0.type == 2 })
    let strings = Int(elf.sections()[index].link)
    let header = Int(elf.header.sectionHeaderOffset)
    func put(_ value: UInt64, at offset: Int) {
      for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
    put(UInt64(bytes.count), at: header + index * 64 + 24)
    put(UInt64(count * 24), at: header + index * 64 + 32)
    var table: [UInt8] = []
    for symbol in 0..<count {
      var entry = [UInt8](repeating: 0, count: 24)
      entry[0] = UInt8(truncatingIfNeeded: symbol) | 1
      entry[1] = UInt8(truncatingIfNeeded: symbol >> 8)
      (entry[4], entry[6], entry[9]) = (0x12, 12, 0x10)
      table += entry
    }
    put(UInt64(bytes.count + table.count), at: header + strings * 64 + 24)
    put(UInt64(1 << 17), at: header + strings * 64 + 32)
    bytes += table + [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 17)
    let symbols = SymbolTable(try ELFFile(MemoryFile(bytes)))
    #expect(symbols.count >= count)
    let time = ContinuousClock().measure { #expect(symbols.entry(named: "no") == nil) }
    #expect(time < .seconds(10))
  }

  @Test func damagedNamesAreDemangledOrLeftAlone() throws {
    let mangled = [
      "$s3app7SessionC5start4name_SiSS_SitYaFSiyYacfU_TQ1_", "$s8heapdemo5cacheSDySiAA5EntryCGvp",
      "$s3app7SessionC6secret33_576E2A9FA7403AD924F25993BBF684ECLL1xyx_tSQRzlF",
      "$sSTsE13_copyContents12initializing8IteratorQz_SitSry7ElementQzG_tF", "_ZN5swift25TaskAllocatorSlabMetadataE",
    ]
    let simplifier = NameSimplifier(mainModule: "app")
    var demangled = 0
    let rounds = Mutation.rounds(20_000, seconds: 3, seed: 7) { generator in
      let name = mangled[Int.random(in: 0..<mangled.count, using: &generator)]
      let damaged = String(
        decoding: Mutation.damaged(Array(name.utf8), using: &generator).filter { $0 != 0 }, as: UTF8.self)
      if let full = Demangler.demangle(damaged) {
        demangled += 1
        let again = Mutation.damaged(Array(full.utf8), using: &generator)
        let text = String(decoding: again, as: UTF8.self)
        _ = simplifier.simplify(full)
        _ = simplifier.simplify(text)
        _ = simplifier.variableType(text)
        _ = TypeSugar.applied(to: text)
      }
    }
    #expect(rounds > 1000 && demangled > 50)
  }

  /// A program's own type may be called `Dictionary`, and have one argument: no level may double the work.
  @Test(.timeLimit(.minutes(1)), arguments: ["Dictionary<", "Array<Int, ", "Optional<Int, "])
  func typesOfOtherModulesWithKnownNamesTakeLinearTime(head: String) {
    let nested = String(repeating: head, count: 40) + "Int" + String(repeating: ">", count: 40)
    #expect(TypeSugar.applied(to: nested) == nested)
    #expect(TypeSugar.applied(to: "Array<\(nested)>") == "[\(nested)]")
  }

  @Test func deeplyNestedNamesNeverTrap() {
    let deep = String(repeating: "Array<", count: 5000) + "Int" + String(repeating: ">", count: 5000)
    let nested = "a.f(" + String(repeating: "(", count: 5000) + ") in " + String(repeating: " in ", count: 2000)
    let time = ContinuousClock().measure {
      _ = TypeSugar.applied(to: deep)
      _ = NameSimplifier(mainModule: nil).simplify(deep)
      _ = NameSimplifier(mainModule: nil).simplify(nested)
    }
    #expect(time < .seconds(20))
  }
}
