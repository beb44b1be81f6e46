import Foundation
import TestSupport
import Testing

@testable import ProcessImage

/// A target in a mount and pid namespace of its own, with a root directory of its own.
@Suite final class ContainerTests {
  private let root = NSTemporaryDirectory() + "memwhy-root-\(getpid())-\(UInt32.random(in: 0 ... .max))"

  init() throws { try FileManager.default.createDirectory(atPath: root + "/bin", withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: root) }

  /// Starts `/bin/app` in the container and gives its process id here; nil with a printed reason where that cannot be done.
  private func start() throws -> (launcher: RunningProgram, pid: Int32)? {
    try copyProgram(Linking.static.program(), to: root + "/bin/app")
    // A tool outside would find this one at the same path, were it not for the root.
    let launcher: RunningProgram
    do {
      launcher = try RunningProgram(
        "/usr/bin/unshare", ["--mount", "--pid", "--fork", "--kill-child", "--root=\(root)", "/bin/app"], timeout: 10)
    } catch {
      print("skipped: no namespaces here (root is needed): \(error)")
      return nil
    }
    let children = try String(contentsOfFile: "/proc/\(launcher.pid)/task/\(launcher.pid)/children", encoding: .utf8)
    guard let pid = children.split(separator: " ").first.flatMap({ Int32($0) }) else {
      throw TestFailure("unshare has no child: \(children)")
    }
    return (launcher, pid)
  }

  @Test func filesThroughTheTargetsRoot() throws {
    guard let (launcher, pid) = try start() else { return }
    defer { launcher.stop() }
    let status = try Procfs.status(of: pid)
    #expect(status.namespacePIDs == [pid, 1])
    let image = try ProcessImage.running(pid: pid)
    let facts = ProgramFacts(launcher.output)
    #expect(try image.memory.load(UInt64.self, at: facts.value("exported_data")) == 0x1122_3344_5566_7788)
    let main = try #require(image.modules.first)
    #expect(main.name == "app" && !FileManager.default.fileExists(atPath: "/bin/app"))
    let file = try #require(image.files.open(main))
    #expect(try ELFFile(file).buildID == main.buildID)
  }

  /// A hostile container must not make memwhy open files of the host.
  @Test func linksDoNotLeadOut() throws {
    guard let (launcher, pid) = try start() else { return }
    defer { launcher.stop() }
    let image = try ProcessImage.running(pid: pid)
    var main = try #require(image.modules.first)
    let host = try Linking.static.program()
    try FileManager.default.createSymbolicLink(atPath: root + "/bin/absolute", withDestinationPath: host)
    try FileManager.default.createSymbolicLink(atPath: root + "/bin/app2", withDestinationPath: "/bin/app")
    // The same build id, so only the path decides.
    main.path = "/bin/absolute"
    #expect(image.files.open(main) == nil)
    main.path = "/bin/../../../../../.." + host
    #expect(image.files.open(main) == nil)
    main.path = "/bin/app2"
    #expect(image.files.open(main) != nil)
    mkfifo(root + "/bin/fifo", 0o644)
    main.path = "/bin/fifo"
    #expect(image.files.open(main) == nil)
  }
}
