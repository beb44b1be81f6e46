import Foundation
import TestSupport
import Testing

@testable import MemwhyCLI

/// Files that verbs write, and files that they are given.
final class OutputFileTests {
  private let folder: String

  init() throws { folder = try makeTemporaryFolder("output") }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode : 0
  }

  private func code(_ path: String) -> Int32? {
    do throws(CLIError) {
      try OutputFile.check(path)
      return nil
    } catch { return error.exitStatus }
  }

  @Test func isReplacedAsAWhole() throws {
    let file = folder + "/a"
    try OutputFile.write(Array("long text".utf8), to: file, isPrivate: true)
    #expect(mode(file) & 0o777 == 0o600)
    let link = folder + "/link"
    try #require(symlink(file, link) == 0)
    try OutputFile.write(Array("b".utf8), to: link)
    #expect(try InputFile.text(file) == "b" && InputFile.text(link) == "b")
    var status = stat()
    #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(try names() == ["a", "link"])
  }

  /// `-o /dev/stdout`, `--html /dev/null`: as root a file in their place would take the device from everybody.
  @Test func goesIntoAPipeAndDoesNotReplaceIt() throws {
    let pipe = folder + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try OutputFile.check(pipe)
    try OutputFile.write(Array("through".utf8), to: pipe)
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = read(reader, &bytes, bytes.count)
    #expect(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self) == "through")
    #expect(mode(pipe) & S_IFMT == S_IFIFO)
    #expect(try names() == ["pipe"])
  }

  /// Before a process is stopped for what then goes nowhere.
  @Test func aPlaceThatIsNoneIsSaidFirst() {
    #expect(code(folder + "/new") == nil)
    #expect(code("new") == nil)
    #expect(code("/dev/null") == nil)
    #expect(code(folder) == 66)
    #expect(code(folder + "/no/new") == 66)
    #expect(code("/etc/hostname/new") == 66)
    #expect(code("") == 66)
  }

  /// As `memwhy diff <(zcat monday.gz) <(zcat tuesday.gz)`: the writer may come late.
  @Test func aPipeIsReadToItsEnd() throws {
    let result = try Command.run(
      "/bin/bash", ["-c", "'\(BinaryTests.memwhy)' leaks --suppressions <(sleep 0.3; echo leak:X) 999999999"],
      timeout: 60)
    #expect(result.status == 64 && result.errors.contains("leak:X"), "\(result.errors)")
  }

  @Test(arguments: [
    ["snapshot", "-o", "/nonexistent/a"], ["export", "-o", "/nonexistent/a.pb"],
    ["path", "X", "--dot", "/nonexistent/a"],
    ["leaks", "--html", "/nonexistent/a"],
  ])
  func verbsLookFirst(words: [String]) throws {
    let result = try Command.run(BinaryTests.memwhy, words + ["999999999"], timeout: 60)
    #expect(result.status == 66 && result.errors.contains("cannot write '/nonexistent/a"), "\(result.errors)")
  }

  /// Paused and watched for it: what goes to stdout is there all the same.
  @Test(arguments: [["leaks", "--html"], ["retained", "--html"]])
  func aPageThatCannotBeWrittenDoesNotCostTheAnswer(words: [String]) throws {
    let program = try RunningProgram(
      try TestProgram.path("sequence.c", .c(["-O1", "-pthread"])), ["64"])
    defer { program.stop() }
    let result = try Command.run(
      BinaryTests.memwhy, words + ["/dev/full", "\(program.pid)"], timeout: 60)
    #expect(result.status == 74 && result.errors.contains("cannot write '/dev/full'"), "\(result.errors)")
    #expect(!result.output.isEmpty)
  }

  @Test func moreThanTheLimitIsRefused() {
    #expect(throws: InputFile.Failure(code: EFBIG)) { try InputFile.read("/dev/zero", limit: 1 << 20) }
    #expect(throws: InputFile.Failure(code: EISDIR)) { try InputFile.read("/", limit: 1 << 20) }
  }
}
