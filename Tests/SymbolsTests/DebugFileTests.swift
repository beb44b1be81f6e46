import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Symbols

/// Separate debug files made by objcopy.
@Suite final class DebugFileTests {
  private let folder = NSTemporaryDirectory() + "memwhy-debug-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  init() throws {
    try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: folder + "/debug", withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// A stripped copy in `bin` and the debug file beside `debug`; nil with a printed reason where objcopy is missing.
  private func split(buildID: Bool, link: Bool, debugFile: String) throws -> String? {
    guard (try? Command.run("objcopy", ["--version"]))?.status == 0 else {
      print("skipped: objcopy is not installed")
      return nil
    }
    let flags = buildID ? [] : ["-Wl,--build-id=none"]
    let full = try Linking.pie.program(extra: flags)
    let binary = folder + "/bin/app"
    try FileManager.default.createDirectory(
      atPath: (debugFile as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try TestProgram.run("objcopy", ["--only-keep-debug", full, debugFile])
    try TestProgram.run("objcopy", ["--strip-all", full, binary])
    if link { try TestProgram.run("objcopy", ["--add-gnu-debuglink=\(debugFile)", binary]) }
    return binary
  }

  private func hiddenFunction(_ binary: String, debugDirectories: [String]) throws -> (Bool, ImageSymbols.Origin) {
    let program = try RunningProgram(binary)
    let address = try ProgramFacts(program.output).value("hidden_function")
    let symbols = ImageSymbols(try ProcessImage.running(pid: program.pid), debugDirectories: debugDirectories)
    let found = symbols.symbol(at: address + 1)?.mangledName == "hidden_function"
    #expect(found == (symbols.address(of: "hidden_function") == address))
    return (found, symbols.origin(of: try #require(symbols.module(containing: address))))
  }

  @Test func byBuildID() throws {
    let id = try #require(try ELFFile(try DiskFile(path: try Linking.pie.program())).buildID)
    let path = "\(folder)/debug/.build-id/\(id.prefix(2))/\(id.dropFirst(2)).debug"
    guard let binary = try split(buildID: true, link: false, debugFile: path) else { return }
    #expect(try hiddenFunction(binary, debugDirectories: [folder + "/debug"]) == (true, .debugFile(path: path)))
    #expect(try hiddenFunction(binary, debugDirectories: []) == (false, .exportedOnly))
  }

  @Test func aDebugFileIsFoundByItsProgramsPath() throws {
    let path = folder + "/debug" + folder + "/bin/app.debug"
    guard let binary = try split(buildID: true, link: false, debugFile: path) else { return }
    #expect(try hiddenFunction(binary, debugDirectories: [folder + "/debug"]) == (true, .debugFile(path: path)))
  }

  @Test func byUnstrippedCopyInAFolder() throws {
    guard let binary = try split(buildID: true, link: false, debugFile: folder + "/unused.debug") else { return }
    try FileManager.default.copyItem(atPath: try Linking.pie.program(), toPath: folder + "/debug/app")
    let path = folder + "/debug/app"
    #expect(try hiddenFunction(binary, debugDirectories: [folder + "/debug"]) == (true, .debugFile(path: path)))
  }

  @Test func byLinkBesideTheProgram() throws {
    let path = folder + "/bin/linked name.debug"
    guard let binary = try split(buildID: false, link: true, debugFile: path) else { return }
    #expect(try hiddenFunction(binary, debugDirectories: []) == (true, .debugFile(path: path)))
  }

  @Test func byLinkInTheDotDebugFolder() throws {
    let path = folder + "/bin/.debug/app.debug"
    guard let binary = try split(buildID: true, link: true, debugFile: path) else { return }
    #expect(try hiddenFunction(binary, debugDirectories: []) == (true, .debugFile(path: path)))
  }

  @Test func otherBuildIsRejected() throws {
    // Without a build id only the checksum tells.
    let path = folder + "/bin/app.debug"
    guard let binary = try split(buildID: false, link: true, debugFile: path) else { return }
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try hiddenFunction(binary, debugDirectories: []).0 == false)
    // With one the id must be equal.
    guard let other = try split(buildID: true, link: true, debugFile: path) else { return }
    try TestProgram.run("objcopy", ["--only-keep-debug", Linking.pie.program(extra: ["-O1"]), path])
    #expect(try hiddenFunction(other, debugDirectories: []).0 == false)
  }

  @Test func checksumsAreThoseOfZlib() {
    // The check value of CRC-32/ISO-HDLC.
    #expect(CRC32.checksum(of: MemoryFile(Array("123456789".utf8))) == 0xcbf4_3926)
    #expect(CRC32.checksum(of: MemoryFile([])) == 0)
  }

  @Test func linkNamesCannotLeadAway() throws {
    let finder = SymbolFileFinder(files: NoModuleFiles(), debugDirectories: ["/d"])
    let module = Module(path: "/a/b", bias: 0, start: 0, end: 1, writableRanges: [])
    #expect(!finder.candidates(module, buildID: nil, link: "../../etc/passwd").contains { $0.contains("..") })
    #expect(finder.candidates(module, buildID: nil, link: "b.debug").contains("/a/.debug/b.debug"))
    #expect(finder.candidates(module, buildID: "abcdef", link: nil).first == "/d/.build-id/ab/cdef.debug")
  }
}
