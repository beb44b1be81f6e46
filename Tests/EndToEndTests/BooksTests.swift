import Foundation
import TestSupport
import Testing

/// Resident memory of any program is put to holders without a rest.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct BooksTests {
  private struct Growth: Decodable {
    struct Row: Decodable {
      var holder: String
      var bytes: Int64
    }
    var cause: String
    var books: [Row]
    var resident: UInt64?
    var booksAreClosed: Bool?
    var groupBooks: [Row]
    var groupUsage: UInt64?
  }

  private static func growth(of pid: Int32, for time: String = "1s") throws -> Growth {
    struct Report: Decodable { var growth: Growth }
    let result = try MemwhyBinary.run(["--for", time, "--json", "\(pid)"])
    guard result.status == 0 else { throw TestFailure("memwhy ended with \(result.status): \(result.errors)") }
    return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8)).growth
  }

  private static func expectClosed(_ pid: Int32, _ name: String) throws {
    let growth = try growth(of: pid)
    let resident = Double(try #require(growth.resident))
    let rest = Double(growth.books.first { $0.holder == "unexplained" }?.bytes ?? 0)
    print("books of \(name): \(Int(resident) >> 20) MiB, \(Int(rest) >> 10) KiB unexplained")
    #expect(growth.books.reduce(0) { $0 + $1.bytes } == Int64(resident), "\(name)")
    #expect(abs(rest) <= max(0.02 * resident, 4 * 1_048_576), "\(name): \(growth.books)")
    #expect(growth.booksAreClosed == true)
  }

  @Test(arguments: ["cleak", "holderzoo", "busy"]) func testPrograms(name: String) throws {
    let truth = TemporaryPath("truth")
    let program: RunningProgram =
      switch name {
      case "cleak": try RunningProgram(TestProgram.path(name, .c(["-O1", "-pthread"])), [truth.path, "all", "500"])
      case "holderzoo":
        try RunningProgram(
          TestProgram.path(name, .swift(["-O", "-swift-version", "6", "-parse-as-library"])),
          ["incident", "600", "50", "inline"])
      default: try RunningProgram(TestProgram.path(name, .swift(["-O", "-swift-version", "6"])))
      }
    defer { program.stop() }
    try Self.expectClosed(program.pid, name)
  }

  @Test func languageServer() throws {
    guard let path = LanguageServer.find() else { return skip("no sourcekit-lsp on this machine") }
    let server = try LanguageServer(path)
    defer { server.stop() }
    try server.openPackage()
    try Self.expectClosed(server.pid, "sourcekit-lsp")
  }

  @Test(LeakyService.isBuilt) func hummingbird() throws {
    let service = try LeakyService(["--fixed"])
    defer { service.stop() }
    let load = try service.startLoad("10000", "20", "4", "1000")
    defer { load.stop() }
    sleep(2)
    try Self.expectClosed(service.pid, "a Hummingbird service")
  }

  /// A process alone in its control group, which writes a file: usage is put to holders, kernel memory and page cache included, and the
  /// page cache is what grows.
  @Test func aControlGroupOfItsOwn() throws {
    guard geteuid() == 0 else { return skip("control groups need root") }
    let roots = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]
    guard let root = roots.first(where: { FileManager.default.fileExists(atPath: $0 + "/cgroup.procs") }) else {
      return skip("no control groups")
    }
    let folder = "\(root)/memwhy-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    guard mkdir(folder, 0o755) == 0 else { return skip("cannot make \(folder)") }
    defer {
      for _ in 0..<100 where rmdir(folder) != 0 { usleep(50_000) }
    }
    guard ["memory.current", "memory.usage_in_bytes"].contains(where: { access("\(folder)/\($0)", R_OK) == 0 }) else {
      return skip("no memory controller")
    }
    let path = try TestProgram.path("causes", .swift(["-O", "-swift-version", "5", "-module-name", "causes"]))
    let script = "echo $$ > \(folder)/cgroup.procs && exec \"$@\""
    // It writes a file and works from lines that a shell sends it.
    let feed = "(for i in $(seq 150); do echo; sleep 0.1; done; sleep 600) | exec \(path) page-cache"
    let program = try RunningProgram("/bin/bash", ["-c", script, "sh", "/bin/bash", "-c", feed])
    defer { program.stop() }
    sleep(2)
    let pids = try String(contentsOfFile: folder + "/cgroup.procs", encoding: .utf8).split(separator: "\n")
      .compactMap { Int32($0) }
    defer { for pid in pids { kill(pid, SIGKILL) } }
    let service = try #require(
      pids.first { (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8))?.hasPrefix("causes") == true })
    let growth = try Self.growth(of: service, for: "5s")
    #expect(growth.cause == "pageCache", "\(growth)")
    let usage = Double(try #require(growth.groupUsage))
    let rest = Double(growth.groupBooks.first { $0.holder == "unexplained" }?.bytes ?? 0)
    print("books of a control group: \(Int(usage) >> 20) MiB, \(Int(rest) >> 10) KiB unexplained")
    #expect(abs(rest) <= 0.03 * usage, "\(growth.groupBooks)")
  }
}
