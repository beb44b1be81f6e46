import Foundation
import TestSupport
import Testing

@testable import HeapGraph
@testable import MemwhyCLI

struct DemoTests {
  private func children() throws -> ChildProcesses { ChildProcesses(folder: try WorkFolder.make("demo-test")) }

  @Test func childrenAndTheirFolderGoAtTheEnd() throws {
    let children = try children()
    let child = try children.start("sleep", ["60"], output: children.folder + "/log")
    #expect(children.status(child) == nil)
    children.end()
    #expect(kill(child.pid, 0) != 0 && !Files.exists(children.folder))
    // Nothing begins after the end.
    #expect(throws: CLIError.self) { try children.start("sleep", ["60"], output: "/dev/null") }
    children.end()
  }

  /// What a killed demo leaves is removed by the next one: no folder that is in use, and none that another made.
  @Test func aFolderThatWasLeftGoesWithTheNextOne() throws {
    let name = "left-\(UInt32.random(in: 0 ... .max))"
    let inUse = try WorkFolder.make(name)
    var left: WorkFolder? = try WorkFolder.make(name)
    let path = try #require(left?.path)
    try Data("text".utf8).write(to: URL(fileURLWithPath: path + "/shop.sqlite"))
    let foreign = String(path.dropLast(6)) + "mine12"
    mkdir(foreign, 0o700)
    let link = String(path.dropLast(6)) + "link12"
    symlink(inUse.path, link)
    defer {
      rmdir(foreign)
      unlink(link)
    }
    // Its lock ends as that of a process that was killed.
    left = nil
    #expect(Files.exists(path))
    let next = try WorkFolder.make(name)
    #expect(!Files.exists(path))
    #expect(Files.exists(inUse.path) && Files.exists(next.path) && Files.exists(foreign) && Files.exists(link))
    next.remove()
    inUse.remove()
    #expect(!Files.exists(inUse.path) && !Files.exists(next.path))
  }

  @Test func aChildThatDoesNotListenIsKilled() throws {
    let children = try children()
    let log = children.folder + "/log"
    let child = try children.start("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], output: log)
    for _ in 0..<500 where Files.text(log).isEmpty { usleep(10_000) }
    children.end()
    #expect(kill(child.pid, 0) != 0)
  }

  @Test func statusesAndFailures() throws {
    let children = try children()
    defer { children.end() }
    let child = try children.start("sh", ["-c", "exit 3"], output: children.folder + "/log")
    var status: Int32?
    for _ in 0..<500 where status == nil {
      status = children.status(child)
      usleep(10_000)
    }
    #expect(status == 3)
    #expect(throws: CLIError.self) { try children.start("/no/such/program", [], output: children.folder + "/log") }
  }

  /// Signals that memwhy blocks for itself are not blocked in what it starts.
  @Test func childrenInheritNoBlockedSignals() throws {
    let children = try children()
    defer { children.end() }
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    let log = children.folder + "/log"
    let child = try children.start("grep", ["SigBlk", "/proc/self/status"], output: log)
    pthread_sigmask(SIG_SETMASK, &before, nil)
    for _ in 0..<500 where children.status(child) == nil { usleep(10_000) }
    #expect(Files.text(log).split(whereSeparator: \.isWhitespace).last == "0000000000000000")
  }

  @Test func aCheckThatFailsMakesItWrong() {
    var result = DemoResult()
    #expect(!result.isRight)
    result.check("one", true, seen: "")
    #expect(result.isRight)
    result.check("two", false, seen: "")
    #expect(!result.isRight)
  }

  /// A cache of 1,000 users with dictionaries of 50 values each, as `retained` describes it.
  @Test func theCacheIsFoundInATreeOfHolders() {
    var users = ContainerSummary(
      kind: .dictionary, keyType: "Int64", valueType: "Entry", containers: 1, entries: 1_000, slots: 2_048,
      inlineBytes: 49_216, behindBytes: 26_720_000, emptyBytes: 0)
    users.keys = KeySummary(kind: .integers, looked: 1_000, distinct: 1_000, samples: [])
    var inner = ContainerSummary(
      kind: .dictionary, keyType: "String", valueType: "View", containers: 1_000, entries: 50_000, slots: 128_000,
      inlineBytes: 26_720_000, behindBytes: 0, emptyBytes: 0)
    inner.values = ValueSummary(
      looked: 50_000, repeatedKeys: 56, valueBytes: 192, equalBytes: 192, differingOffsets: [], differingFields: [],
      shapes: [.init(kind: .inline, bytesPerContainer: 26_720), .init(kind: .shared, bytesPerContainer: 3_168)])
    func holder(_ name: String, _ container: ContainerSummary?, _ children: [Holder]) -> Holder {
      Holder(
        kind: .blocks, name: name, field: "", count: 1, ownBytes: 0, retainedBytes: 27_000_000, container: container,
        children: children)
    }
    let report = HolderReport(
      reachableBytes: 27_000_000, reachableBlocks: 2_000,
      holders: [holder("static Cache.shared", nil, [holder("users", users, [holder("inner", inner, [])])])],
      otherCount: 0, otherBytes: 0)
    let facts = CacheFacts.find(report)
    #expect(facts?.root == "static Cache.shared" && facts?.users.entries == 1_000)
    #expect(facts?.sharingSaves == (26_720 - 3_168) * 1_000)
    #expect(
      CacheFacts.find(HolderReport(reachableBytes: 0, reachableBlocks: 0, holders: [], otherCount: 0, otherBytes: 0))
        == nil)
  }

  @Test func portsOfTheConnectionsOfAProcess() throws {
    let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    func named(_ socket: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
      withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(socket, $0) }
      }
    }
    #expect(named(listener) { bind($0, $1, size) } == 0 && listen(listener, 128) == 0)
    #expect(named(listener) { getsockname($0, $1, &size) } == 0)
    let server = UInt16(bigEndian: address.sin_port)
    let client = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #expect(named(client) { connect($0, $1, size) } == 0)
    #expect(named(client) { getsockname($0, $1, &size) } == 0)
    let port = UInt16(bigEndian: address.sin_port)
    // The kernel gives the table out in parts of a page; this one stands behind the first.
    let others = (0..<100).map { _ in Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for other in others { close(other) } }
    for other in others {
      address.sin_port = server.bigEndian
      #expect(named(other) { connect($0, $1, size) } == 0)
    }
    let ports = Set(
      try ([client] + others).map { socket in
        try #require(named(socket) { getsockname($0, $1, &size) } == 0)
        return UInt16(bigEndian: address.sin_port)
      })
    #expect(ports.contains(port) && ports.count == 101)
    // Between two parts other tests' connections come and go, and an entry can be skipped.
    var found: Set<UInt16> = []
    for _ in 0..<50 where found != ports {
      found = try ClientPorts.of(getpid(), server: server)
      if found != ports { usleep(20_000) }
    }
    #expect(found == ports)
    close(client)
    #expect(throws: CLIError.self) { try ClientPorts.of(Int32.max, server: server) }
  }
}
