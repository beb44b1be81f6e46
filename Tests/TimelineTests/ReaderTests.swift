import Foundation
import TestSupport
import Testing

@testable import ProcessImage
@testable import Timeline

struct ReaderTests {
  static func withTree<T>(_ files: [String: String], _ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "memwhy-group-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, text) in files {
      let path = folder + "/" + name
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    return try body(folder)
  }

  /// As seen of a process whose arena grew while the list was read.
  @Test func aMappingThatGrewMeanwhileCountsOnce() {
    let text = """
      7faa31000000-7faa31001000 rw-p 00000000 00:00 0\u{20}
      Rss: 4 kB
      7faa31600000-7faa32d55000 rw-p 00000000 00:00 0\u{20}
      Rss: 23892 kB
      7faa31600000-7faa32d76000 rw-p 00000000 00:00 0\u{20}
      Rss: 24024 kB
      7faa32d76000-7faa35600000 ---p 00000000 00:00 0\u{20}
      Rss: 0 kB

      """
    let mapped = MappedMemory.parse(Array(text.utf8))
    #expect(mapped.map(\.mapping.start) == [0x7faa_3100_0000, 0x7faa_3160_0000, 0x7faa_32d7_6000])
    #expect(mapped.map { $0.resident >> 10 } == [4, 24024, 0])
  }

  @Test func memoryKeptFromCopiesIsTheRunningProcesses() throws {
    func smaps(_ rows: [(range: String, path: String, resident: Int, anonymous: Int, flags: String)]) -> [MappedMemory]
    {
      let text = rows.map {
        "\($0.range) rw-p 00000000 00:00 0 \($0.path)\nRss: \($0.resident) kB\nAnonymous: \($0.anonymous) kB\nVmFlags: rd wr \($0.flags)\n"
      }
      return MappedMemory.parse(Array(text.joined().utf8))
    }
    let running = smaps([
      ("1000-9000", "", 32, 32, "ac"), ("a000-b000", "/lib/x.so", 4, 1, "ac"), ("c000-d000", "", 4, 4, "wf"),
      ("e000-f000", "", 3, 3, "dc"), ("20000-21000", "", 4, 4, "ac"),
    ])
    let copied = smaps([
      ("1000-9000", "", 8, 8, "ac"), ("a000-b000", "/lib/x.so", 1, 1, "ac"), ("c000-d000", "", 0, 0, "wf"),
    ])
    let joined = MappedMemory.joined(running: running, copied: copied)
    #expect(joined.map(\.mapping.start) == [0x1000, 0xa000, 0xc000, 0xe000])
    #expect(joined.map { $0.resident >> 10 } == [8, 4, 4, 3])
  }

  @Test func readsVersionTwo() throws {
    let files = [
      "a/memory.max": "4096000\n", "a/b/memory.max": "max\n", "a/b/memory.current": "3000000\n",
      "a/b/memory.stat": "anon 1000000\nfile 1500000\nkernel 400000\nsock 100000\nshmem 7000\ninactive_file 900000\n",
      "a/memory.high": "max\n", "a/b/memory.high": "5000000\n",
      "a/memory.swap.max": "500000\n", "a/b/memory.swap.max": "max\n", "a/b/memory.swap.current": "123456\n",
      "a/b/memory.peak": "4095000\n",
      "a/b/memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n",
      "a/b/memory.pressure":
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n",
      "a/b/cgroup.procs": "1\n2\n3\n",
    ]
    try Self.withTree(files) { folder in
      let group = try ControlGroupReader(folder: folder + "/a/b/")
      #expect(group.version == .two)
      var sample = Sample(time: 0)
      let isThere = group.read(into: &sample)
      #expect(isThere)
      #expect(sample[.groupUsage] == 3_000_000)
      // The parent's limit counts.
      #expect(sample[.groupLimit] == 4_096_000)
      #expect(sample[.groupWorkingSet] == 2_100_000)
      #expect(sample[.groupKernel] == 400_000 && sample[.groupSocket] == 100_000 && sample[.groupShared] == 7000)
      #expect(sample[.groupPeak] == 4_095_000 && sample[.groupSwap] == 123_456)
      #expect(sample[.groupSwapLimit] == 500_000 && sample[.groupHigh] == 5_000_000)
      #expect(sample[.groupPressure] == 2.5 && sample[.groupStalls] == 1)
      #expect(sample[.groupLimitHits] == 12 && sample[.groupKills] == 2 && sample[.groupProcesses] == 3)
    }
  }

  /// The parent's limit is shared: what the sibling holds, and cannot give back, is not there for this group.
  @Test func aLimitAboveIsSharedWithTheOthersBelowIt() throws {
    let files = [
      "pod/memory.max": "300000000\n", "pod/memory.high": "max\n",
      "pod/memory.stat": "anon 230000000\nfile 50000000\nkernel 3000000\nsock 0\nshmem 2000000\n",
      "pod/a/memory.max": "400000000\n", "pod/a/memory.high": "max\n", "pod/a/memory.current": "120000000\n",
      "pod/a/memory.stat": "anon 100000000\nfile 20000000\nkernel 1000000\nsock 0\nshmem 0\n",
    ]
    try Self.withTree(files) { folder in
      let group = try ControlGroupReader(folder: folder + "/pod/a")
      #expect(group.limit == 166_000_000)
      try "150000000\n".write(toFile: folder + "/pod/a/memory.max", atomically: true, encoding: .utf8)
      #expect(group.limit == 150_000_000)
      try "120000000\n".write(toFile: folder + "/pod/a/memory.high", atomically: true, encoding: .utf8)
      #expect(group.limit == 120_000_000)
    }
  }

  /// From one container the group of another cannot be seen: memwhy's own is no substitute.
  @Test func anothersGroupIsNotTakenForTheProcesss() throws {
    let files = ["memory.max": "max\n", "memory.current": "1000\n", "memory.stat": "anon 900\n"]
    try Self.withTree(files) { folder in
      func reader(_ path: String, root: String) -> ControlGroupReader? {
        ControlGroupReader(
          [ControlGroupMembership(isUnified: true, path: path)],
          mounts: [ControlGroupMount(folder: folder, root: root, isUnified: true)])
      }
      #expect(reader("/", root: "/")?.folder == folder)
      #expect(reader("/docker/a", root: "/docker/a")?.folder == folder)
      #expect(reader("/docker/b", root: "/docker/a") == nil)
      #expect(reader("/../b", root: "/") == nil)
      #expect(reader("/", root: "/..") == nil)
    }
  }

  /// The memory of a group without the controller counts in the nearest ancestor that has it.
  @Test func aGroupWithoutTheControllerCountsAbove() throws {
    let files = [
      "d/memory.max": "200000000\n", "d/memory.current": "110000000\n", "d/memory.stat": "anon 100000000\n",
      "d/leaf/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", "d/leaf/cgroup.procs": "7\n",
    ]
    try Self.withTree(files) { folder in
      let group = ControlGroupReader(innermostOf: [folder + "/d/leaf", folder + "/d", folder])
      #expect(group?.folder == folder + "/d" && group?.limit == 200_000_000)
      #expect(ControlGroupReader(innermostOf: [folder + "/d/leaf", folder]) == nil)
    }
  }

  @Test func readsVersionOne() throws {
    let files = [
      "memory.usage_in_bytes": "5000\n", "memory.limit_in_bytes": "9223372036854771712\n",
      "memory.max_usage_in_bytes": "6000\n",
      "memory.stat": "cache 1\nrss 2\ntotal_cache 3000\ntotal_rss 1500\ntotal_inactive_file 1000\ntotal_shmem 10\n",
      "memory.failcnt": "4\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
      "memory.kmem.usage_in_bytes": "500\n", "memory.kmem.tcp.usage_in_bytes": "40\n", "cgroup.procs": "7\n",
    ]
    try Self.withTree(files) { folder in
      let group = try ControlGroupReader(folder: folder)
      #expect(group.version == .one)
      var sample = Sample(time: 0)
      let isThere = group.read(into: &sample)
      #expect(isThere)
      #expect(sample[.groupLimit] == nil && sample[.groupSwap] == nil && sample[.groupSwapLimit] == nil)
      #expect(sample[.groupPeak] == 6000)
      #expect(sample[.groupAnonymous] == 1500 && sample[.groupFile] == 3000 && sample[.groupWorkingSet] == 4000)
      #expect(sample[.groupKernel] == 500 && sample[.groupSocket] == 40 && sample[.groupKills] == 1)
    }
    #expect(throws: TimelineError.self) { try ControlGroupReader(folder: "/proc/self") }
  }

  /// Version 1 counts memory and swap in one number.
  @Test func swapOfVersionOne() throws {
    let files = [
      "memory.usage_in_bytes": "5000\n", "memory.limit_in_bytes": "8000\n", "memory.memsw.usage_in_bytes": "7000\n",
      "memory.memsw.limit_in_bytes": "12000\n", "memory.stat": "total_rss 1500\n", "cgroup.procs": "7\n",
    ]
    try Self.withTree(files) { folder in
      let group = try ControlGroupReader(folder: folder)
      var sample = Sample(time: 0)
      #expect(group.read(into: &sample))
      #expect(sample[.groupSwap] == 2000 && sample[.groupSwapLimit] == 4000 && sample[.groupPeak] == nil)
      // As many bytes for both together: no swap.
      try "8000\n".write(toFile: folder + "/memory.memsw.limit_in_bytes", atomically: true, encoding: .utf8)
      #expect(group.read(into: &sample))
      #expect(sample[.groupSwapLimit] == 0)
    }
  }

  @Test func damagedGroupFilesAreSurvived() throws {
    let files = [
      "memory.current": "3000000\n", "memory.max": "max\n", "memory.stat": "anon 1\nfile 2\ninactive_file 900000\n",
      "memory.events": "max 12\n", "memory.pressure": "some avg10=0.00 total=2500000\n", "cgroup.procs": "1\n",
    ]
    try Self.withTree(files) { folder in
      _ = Mutation.rounds(200, seconds: 3) { generator in
        for (name, text) in files {
          let bytes = Mutation.damaged(Array(text.utf8), using: &generator)
          _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: Data(bytes))
        }
        var sample = Sample(time: 0)
        if let group = try? ControlGroupReader(folder: folder) { _ = group.read(into: &sample) }
        for metric in Metric.allCases { if let value = sample[metric] { #expect(value.isFinite) } }
      }
    }
  }

  @Test func countsConnectionsOfOurSocketsOnly() {
    let text = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 100 1 0 10 0
         1: 0100007F:1F90 0100007F:C350 01 00000010:00000020 00:00000000 00000000     0        0 101 1 0 10 0
         2: 0100007F:1F90 0100007F:C351 08 00000000:00000000 00:00000000 00000000     0        0 102 1 0 10 0
         3: 0100007F:1F90 0100007F:C352 01 000000FF:00000000 00:00000000 00000000     0        0 999 1 0 10 0
      """
    var tally = ConnectionTally(inodes: [100, 101, 102])
    tally.add(Array(text.utf8))
    #expect(tally.states == [10: 1, 1: 1, 8: 1])
    #expect(tally.queued == 48)
    _ = Mutation.rounds(2000, seconds: 2) { generator in
      var tally = ConnectionTally(inodes: [100, 101, 102])
      tally.add(Mutation.damaged(Array(text.utf8), using: &generator))
    }
  }

  @Test func readsAProcessThatIsWellKnown() throws {
    var reader = try ProcessReader(pid: getpid(), share: 1)
    var files: [FileHandle] = []
    for _ in 0..<20 { files.append(try #require(FileHandle(forReadingAtPath: "/dev/null"))) }
    var sample = Sample(time: 0)
    let isThere = reader.read(into: &sample)
    #expect(isThere)
    #expect(try #require(sample[.rss]) > 1_000_000)
    #expect(try #require(sample[.threads]) >= 1)
    #expect(try #require(sample[.openFiles]) >= 20)
    let sum = [Metric.openFiles, .sockets, .pipes, .otherDescriptors].compactMap { sample[$0] }.reduce(0, +)
    // Other tests open and close files meanwhile.
    #expect(abs(sum - (try #require(sample[.descriptors]))) <= 200)
    #expect(sample[.pss] != nil && sample[.cpu] != nil)
    withExtendedLifetime(files) {}
  }

  /// Its main thread has called `pthread_exit`: what lies under that one's number in `/proc` is empty.
  @Test func readsAProcessThatLivesOnWithoutItsMainThread() throws {
    let program = try RunningProgram(try TestProgram.path("leaderless.c", .c(["-pthread"])))
    #expect(eventually(within: 10) { (try? Procfs.stat(of: program.pid))?.state == "Z" })
    var reader = try ProcessReader(pid: program.pid, share: 1)
    var sample = Sample(time: 0)
    let isThere = reader.read(into: &sample)
    #expect(isThere)
    #expect(try #require(sample[.rss]) > 100_000)
    #expect(try #require(sample[.descriptors]) >= 3)
    #expect(sample[.pss] != nil && sample[.cpu] != nil && sample[.ioRead] != nil)
    #expect(MappedMemory.all(of: program.pid) != nil)
    program.stop()
    #expect(eventually(within: 10) { !reader.read(into: &sample) })
  }

  @Test func readsPrometheusText() {
    let page = """
      # HELP http_requests_total Requests.
      http_requests_total{method="GET",path="/a\\"}b"} 10
      http_requests_total{method="POST"} 2.5e1
      http_requests_total_created 99
      http_requests_total 7 1700000000000
      broken{a="b" 3
      up NaN
      """
    #expect(PrometheusText.sum(of: "http_requests_total", in: page) == 42)
    #expect(PrometheusText.sum(of: "http_requests_total", labels: ["method": "POST"], in: page) == 25)
    #expect(PrometheusText.sum(of: "up", in: page) == nil)
    #expect(PrometheusText.sum(of: "missing", in: page) == nil)
    #expect(PrometheusText.sum(of: "large", in: "large{a=\"1\"} 1e308\nlarge{a=\"2\"} 1e308\n") == nil)
    _ = Mutation.rounds(2000, seconds: 2) { generator in
      let text = String(decoding: Mutation.damaged(Array(page.utf8), using: &generator), as: UTF8.self)
      _ = PrometheusText.sum(of: "http_requests_total", labels: ["method": "GET"], in: text)
    }
  }

  /// Any number of blanks and tabs separates the parts of a line.
  @Test func blanksOfPrometheusText() {
    let page = "  r {a=\"x\"}\t1\nr\t2 \n\tr{ a = \"x\" , b=\"y\" } 4\r\nr_total 8\nrr 16\nr"
    #expect(PrometheusText.sum(of: "r", in: page) == 7)
    #expect(PrometheusText.sum(of: "r", labels: ["a": "x"], in: page) == 5)
  }

  /// A page whose end is missing, or that comes in pieces, never gives another count than the service's.
  @Test func theBodyIsWholeOrThereIsNone() throws {
    func body(_ answer: String, isWhole: Bool = true) throws -> String? {
      try HTTPAnswer.body(of: Array(answer.utf8), isWhole: isWhole).map { String(decoding: $0, as: UTF8.self) }
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4;x=y\r\nr 12\r\n3\r\n34\n\r\n0\r\n\r\n"
    #expect(try body(chunked) == "r 1234\n")
    let counted = "HTTP/1.1 200 OK\r\ncontent-length:7\r\n\r\nr 1234\n"
    // More than the length belongs to nobody.
    #expect(try body(counted + "r 9") == "r 1234\n")
    #expect(try body("HTTP/1.0 200 OK\n\nr 5\n") == "r 5\n")
    for whole in [chunked, counted] {
      let last = whole.utf8.count - (whole == chunked ? 4 : 0)
      for length in 0..<last {
        let part = String(decoding: Array(whole.utf8)[..<length], as: UTF8.self)
        #expect(try body(part, isWhole: false) == nil, "\(length) bytes")
        #expect(throws: HTTPAnswer.Flaw.self, "\(length) bytes") { try body(part) }
      }
      // The connection may stay open.
      #expect(try body(whole, isWhole: false) == "r 1234\n")
    }
    for (head, flaw) in [
      ("Content-Encoding: gzip", .coding("gzip")), ("Transfer-Encoding: gzip, chunked", .coding("gzip, chunked")),
      ("Content-Length: -1", .noAnswer), ("Content-Length: 99999999999999999999", .noAnswer),
    ] as [(String, HTTPAnswer.Flaw)] {
      #expect(throws: flaw) { try body("HTTP/1.1 200 OK\r\n\(head)\r\n\r\nx") }
    }
    for size in ["7fffffffffffffff", "ffffffffffffffffff", "-1", "", "x"] {
      #expect(throws: HTTPAnswer.Flaw.self) {
        try body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(size)\r\nr 1\r\n0\r\n\r\n")
      }
    }
    _ = Mutation.rounds(4000, seconds: 2) { generator in
      for answer in [chunked, counted] {
        _ = try? HTTPAnswer.body(of: Mutation.damaged(Array(answer.utf8), using: &generator), isWhole: true)
      }
    }
  }

  @Test func addressesOfLoadsAreParsed() throws {
    let plain = try LoadSource.Address(parsing: "requests_total@http://127.0.0.1:8080/m")
    #expect(plain.metric == "requests_total" && plain.host == "127.0.0.1" && plain.port == 8080 && plain.path == "/m")
    let labelled = try LoadSource.Address(parsing: "r{code=\"200\"}@localhost:1")
    #expect(labelled.labels == ["code": "200"] && labelled.path == "/metrics")
    let six = try LoadSource.Address(parsing: "r@[::1]")
    #expect(six.host == "::1" && six.port == 80)
    #expect(HTTPGet.request(host: six.host, port: 80, path: "/").contains("\r\nHost: [::1]:80\r\n"))
    #expect(HTTPGet.request(host: "shop", port: 8080, path: "/").contains("\r\nHost: shop:8080\r\n"))
    for bad in ["", "r", "@http://a", "r@", "r@http://a:x/", "a b@c", "r{@c", "r@https://a"] {
      #expect(throws: TimelineError.self) { try LoadSource.Address(parsing: bad) }
    }
  }

  /// On the line between the readings around a moment; nothing where that would be a guess.
  @Test func theCountAtAMoment() {
    let readings = [(10.0, 100.0), (12, 140), (13, 150), (40, 900), (41, 20)].map {
      LoadSource.Reading(value: $0.1, time: UInt64($0.0 * 1e9))
    }
    func count(_ seconds: Double, _ some: [LoadSource.Reading]) -> Double? {
      LoadSource.count(at: UInt64(seconds * 1e9), in: some, apart: 10_000_000_000)
    }
    for (time, value) in [(10, 100), (11, 120), (11.5, 130), (12, 140), (12.25, 142.5), (13, 150)] as [(Double, Double)]
    {
      #expect(count(time, readings) == value, "at \(time)")
    }
    // Before the first, after the last, nobody answered for long, begun anew.
    for time in [9, 42, 20, 40.5] { #expect(count(time, readings) == nil, "at \(time)") }
    #expect(count(10, []) == nil)
    #expect(count(10, [readings[0]]) == 100)
  }

  /// Pages that are slow, wrong or gone give a reason, in bounded time.
  @Test func aBadEndpointIsSaid() throws {
    let source = LoadSource(try .init(parsing: "r@http://127.0.0.1:1/metrics"), interval: 1_000_000_000)
    source.refresh()
    #expect(source.current == nil)
    #expect(source.failure?.contains("nobody listens") == true)
    for (answer, reason) in [
      ("HTTP/1.1 200 OK\r\n\r\nr 5\n", nil), ("HTTP/1.1 500 no\r\n\r\n", "status 500"), ("nonsense", "no HTTP answer"),
      ("HTTP/1.1 200 OK\r\n\r\nother 5\n", "no such metric"),
    ] as [(String, String?)] {
      let server = try OneAnswerServer(answer)
      let source = LoadSource(try .init(parsing: "r@http://127.0.0.1:\(server.port)/metrics"), interval: 1)
      source.refresh()
      #expect(source.current == (reason == nil ? 5 : nil))
      #expect(reason == nil ? source.failure == nil : source.failure?.contains(reason!) == true)
    }
  }
}

/// Answers one connection on loopback with fixed bytes.
private final class OneAnswerServer {
  let port: UInt16
  private let listener: Int32

  init(_ answer: String) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard listener >= 0, bound else { throw TestFailure("no loopback socket") }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread {
      let peer = accept(listener, nil, nil)
      guard peer >= 0 else { return }
      var buffer = [UInt8](repeating: 0, count: 4096)
      _ = recv(peer, &buffer, buffer.count, 0)
      _ = Array(answer.utf8).withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      close(peer)
    }
  }

  deinit { close(listener) }
}
