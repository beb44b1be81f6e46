import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Symbols

@Suite struct ImageSymbolsTests {
  @Test(arguments: Linking.allCases) func addressesAndNames(linking: Linking) throws {
    let program = try RunningProgram(try linking.program())
    let facts = ProgramFacts(program.output)
    let symbols = ImageSymbols(try ProcessImage.running(pid: program.pid))
    for name in ["exported_data", "hidden_data", "large_bss", "read_only", "hidden_function", "exported_function"] {
      let address = try facts.value(name)
      let found = try #require(symbols.symbol(at: address))
      #expect(found.mangledName == name && found.address == address)
      #expect(symbols.symbol(at: address + 3)?.mangledName == name)
      #expect(symbols.address(of: name) == address)
      #expect(found.isData == !name.hasSuffix("_function"))
    }
    let bss = try facts.value("large_bss")
    #expect(symbols.symbol(at: bss)?.size == 65536)
    #expect(symbols.symbol(at: bss + 65535)?.mangledName == "large_bss")
    #expect(symbols.symbol(at: bss + 65536)?.mangledName != "large_bss")
    #expect(symbols.symbol(at: try facts.value("block")) == nil)
    #expect(symbols.address(of: "no_such_symbol") == nil)
    // From the C library, dynamic or not.
    let malloc = try #require(symbols.address(of: "malloc"))
    #expect(symbols.symbol(at: malloc)?.address == malloc)
  }

  @Test func strippedLosesNamesOnly() throws {
    let program = try RunningProgram(try Linking.pie.program(strip: true))
    let facts = ProgramFacts(program.output)
    let image = try ProcessImage.running(pid: program.pid)
    let symbols = ImageSymbols(image)
    #expect(symbols.address(of: "hidden_data") == nil)
    #expect(symbols.symbol(at: try facts.value("hidden_function"))?.mangledName != "hidden_function")
    #expect(symbols.address(of: "malloc") != nil)
    let main = try #require(symbols.module(containing: try facts.value("exported_data")))
    #expect(symbols.origin(of: main) == .exportedOnly)
  }

  @Test func namesWithoutFiles() throws {
    let program = try RunningProgram(try Linking.pie.program())
    var image = try ProcessImage.running(pid: program.pid)
    image.files = NoModuleFiles()
    let symbols = ImageSymbols(image)
    #expect(symbols.address(of: "exported_data") == nil)
    #expect(symbols.symbol(at: try ProgramFacts(program.output).value("exported_data")) == nil)
  }

  /// Every symbol that binutils prints, by address and by name.
  @Test(arguments: ["libswiftCore.so", "libswift_Concurrency.so"]) func equalToNM(library: String) throws {
    let maps = try Procfs.mappings(of: getpid())
    guard let path = maps.map(\.path).first(where: { $0.hasSuffix("/" + library) }) else {
      print("skipped: the test process has no \(library)")
      return
    }
    let table = SymbolTable(try ELFFile(try DiskFile(path: path)))
    let listing = try TestProgram.run("nm", ["--defined-only", "-S", path])
    var compared = 0
    for line in listing.split(separator: "\n") {
      let words = line.split(separator: " ")
      // address size type name; thread-locals (letter not told apart by nm) have small addresses.
      guard words.count == 4, let address = UInt64(words[0], radix: 16), let size = UInt64(words[1], radix: 16),
        size > 0,
        words[2] != "i"
      else { continue }
      let name = String(words[3].split(separator: "@")[0])
      guard let entry = table.entry(covering: address) else { continue }
      compared += 1
      #expect(entry.address <= address)
      #expect(entry.size == 0 || address < entry.address + entry.size)
      if entry.address == address && entry.size != size && compared % 50 == 0 {
        // Several symbols at one address: the best is one of them.
        #expect(listing.contains(table.name(of: entry)))
      }
      if compared % 20 == 0 { #expect(table.entry(named: name) != nil, "\(name)") }
    }
    #expect(compared > 3_000)
    #expect(table.isFull)
  }
}
