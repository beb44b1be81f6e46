import Foundation
import TestSupport
import Testing

@testable import ProcessImage
@testable import Timeline

/// Damaged texts of the kernel, and metrics pages: numbers or none, never a trap.
struct KernelTextFuzzTests {
  private static func bytes(_ path: String) throws -> [UInt8] { try contents(of: path, limit: 4 << 20) }

  @Test func damagedMapsNeverTrap() throws {
    let smaps = try Self.bytes("/proc/self/smaps")
    let whole = MappedMemory.parse(smaps).count
    try #require(whole > 10)
    var read = 0
    let rounds = Mutation.rounds(400, seconds: 3, seed: 21) { generator in
      let running = MappedMemory.parse(Mutation.damaged(smaps, using: &generator))
      read += running.count
      #expect(zip(running, running.dropFirst()).allSatisfy { $0.mapping.end <= $1.mapping.start })
      let copied = MappedMemory.parse(Mutation.damaged(smaps, using: &generator))
      #expect(MappedMemory.joined(running: running, copied: copied).count >= copied.count)
    }
    #expect(rounds >= 40 && read > whole)
  }

  @Test func groupsAndConnections() throws {
    let texts = [
      "12:memory:/docker/0f1e\n3:cpu,cpuacct:/user.slice\n0::/system.slice/shop.service\n",
      "30 23 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n31 23 0:27 / /c rw - cgroup2 cgroup2 rw\n",
      "anon 4096\nfile 18446744073709551615\nsome avg10=0.00 total=99\noom_kill 3\ntotal_rss 12\n",
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        + "   0: 0100007F:1F90 00000000:0000 01 00000010:00000020 00:00000000 00000000     0        0 4711 1 0 100 0\n",
      "# TYPE r counter\nr{code=\"200\",path=\"/a\\\"b}\"} 12 1700000000\nr{code=\"500\"} 3e2\nr 1\n",
    ].map { Array($0.utf8) }
    var found = 0
    let rounds = Mutation.rounds(20_000, seconds: 3, seed: 22) { generator in
      let text = Mutation.damaged(texts.randomElement(using: &generator) ?? [], using: &generator)
      let memberships = ControlGroupMembership.parse(text)
      let mounts = ControlGroupMount.parse(text)
      for mount in mounts {
        var isHidden = false
        for membership in memberships { _ = mount.folders(for: membership.path, isHidden: &isHidden) }
      }
      let numbers = KeyedNumbers(text)
      #expect(numbers["anon"]?.isFinite != false)
      var tally = ConnectionTally(inodes: [4711])
      tally.add(text)
      #expect(tally.queued >= 0)
      let sum = PrometheusText.sum(of: "r", labels: ["code": "200"], in: String(decoding: text, as: UTF8.self))
      found += memberships.count + mounts.count + tally.states.count + (sum == nil ? 0 : 1)
    }
    #expect(rounds >= 2_000 && found > rounds / 10)
  }
}
