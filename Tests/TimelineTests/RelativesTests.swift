import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Timeline

/// A service of several processes: the answer about one of them says which other one is looked for.
struct RelativesTests {
  private static let mib: UInt64 = 1 << 20

  private static func seen(_ own: UInt64?, _ members: [(pid: Int32, mib: UInt64, isStarted: Bool)]) -> Relatives {
    Relatives(
      own: own.map { $0 * mib },
      members: members.map {
        .init(pid: $0.pid, start: 7, name: "shop", resident: $0.mib * mib, isStarted: $0.isStarted)
      })
  }

  @Test func theOneThatGrewMostIsNamed() {
    let before = Self.seen(20, [(11, 20, true), (12, 20, true), (13, 20, true)])
    let after = Self.seen(21, [(11, 22, true), (12, 35, true), (13, 20, true)])
    #expect(
      after.hint(since: before) == "process 12 (shop), which it has started, grew by 15.0 MiB meanwhile: see memwhy 12"
    )
    // The process itself grew more: it is the right one.
    #expect(Self.seen(60, [(12, 35, true)]).hint(since: before) == nil)
    #expect(Self.seen(20, [(11, 20, true), (12, 20, true)]).hint(since: before) == nil)
    // A worker beside it.
    #expect(
      Self.seen(20, [(12, 35, false)]).hint(since: Self.seen(20, [(12, 20, false)]))
        == "process 12 (shop), which its parent has started, grew by 15.0 MiB meanwhile: see memwhy 12")
  }

  @Test func anotherProcessUnderTheSameNumberHasNotGrown() {
    var before = Self.seen(20, [(11, 20, true)])
    before = Relatives(own: before.own, members: before.members.map { Self.born(8, $0) })
    #expect(Self.seen(20, [(11, 30, true)]).hint(since: before) == nil)
  }

  private static func born(_ start: UInt64, _ member: Relatives.Member) -> Relatives.Member {
    var member = member
    member.start = start
    return member
  }

  @Test func aMuchLargerOneThatItStartedIsTheService() {
    let members: [(Int32, UInt64, Bool)] = [(11, 900, true), (12, 30, true)]
    #expect(
      Self.seen(20, members).hint(since: Self.seen(20, members))
        == "process 11 (shop), which it has started, is larger, 900.0 MiB: see memwhy 11")
    // Workers of about its size, and those beside it, are what they are.
    #expect(Self.seen(20, [(11, 30, true)]).hint(since: Self.seen(20, [(11, 30, true)])) == nil)
    #expect(Self.seen(20, [(11, 900, false)]).hint(since: Self.seen(20, [(11, 900, false)])) == nil)
  }

  @Test func aProcessThatIsGoneHasNoRelatives() {
    #expect(Self.seen(nil, []).hint(since: Self.seen(20, [(11, 900, true)])) == nil)
    #expect(Relatives(of: .max).own == nil)
  }

  /// A shell, its two children, and the child of one of them.
  @Test func findsWhatAProcessHasStarted() throws {
    let shell = try RunningProgram(
      "/bin/sh", ["-c", "sleep 600 & sh -c 'sleep 601 & echo $!; wait' & echo $!; echo up; wait"], ready: "up")
    var found: [Relatives.Member] = []
    #expect(
      eventually(within: 10) {
        found = Relatives(of: shell.pid).members
        return found.count == 3
      }, "\(found)")
    defer { for member in found { kill(member.pid, SIGKILL) } }
    #expect(found.allSatisfy { $0.isStarted && $0.resident > 0 && $0.start > 0 }, "\(found)")
    #expect(found.map(\.name).sorted() == ["sh", "sleep", "sleep"])
    let inner = try #require(found.first { $0.name == "sh" })
    // Beside it is a program of its parent, but another one than its parent's.
    #expect(Relatives(of: inner.pid).members.map(\.name) == ["sleep"])
    let named = NamedProcesses.all("sleep").filter { process in found.contains { $0.pid == process.pid } }
    #expect(named.count == 2 && Set(named.map(\.parent)) == [shell.pid, inner.pid], "\(named)")
  }
}
