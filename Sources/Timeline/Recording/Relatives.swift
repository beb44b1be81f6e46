import Glibc
import Measurement
import ProcessImage

/// The processes that share a service's work with the one that is looked at: those that it has started, with theirs, and where it is one of
/// several workers of a parent that runs the same program, the other ones. What they hold is in no answer about that process.
public struct Relatives: Sendable {
  struct Member: Sendable, Hashable {
    var pid: Int32
    /// Ticks since boot: with the id it names a process for good.
    var start: UInt64
    var name: String
    /// Bytes.
    var resident: UInt64
    var isStarted: Bool
  }

  /// Resident bytes of the process itself; nil where it is gone.
  let own: UInt64?
  let members: [Member]

  init(own: UInt64?, members: [Member]) {
    self.own = own
    self.members = members
  }

  /// Reads `/proc`; stops nothing. O(processes of the machine).
  public init(of pid: Int32) {
    guard let stat = try? Procfs.stat(of: pid), !stat.hasEnded, let status = try? Procfs.status(of: pid) else {
      self.init(own: nil, members: [])
      return
    }
    var children: [Int32: [ProcessStat]] = [:]
    for other in TargetFinder.allProcesses() {
      guard let stat = try? Procfs.stat(of: other), !stat.hasEnded, !stat.isCopy else { continue }
      children[stat.parent, default: []].append(stat)
    }
    // memwhy may itself be below the process, with what it starts: a shell is looked at, or a service's console.
    var found: [Member] = []
    func add(below parent: Int32) {
      for stat in children.removeValue(forKey: parent) ?? [] where stat.id != getpid() {
        add(stat, isStarted: true)
        add(below: stat.id)
      }
    }
    func add(_ stat: ProcessStat, isStarted: Bool) {
      guard let status = try? Procfs.status(of: stat.id), status.residentBytes > 0 else { return }
      found.append(
        Member(
          pid: stat.id, start: stat.startTime, name: stat.name, resident: status.residentBytes, isStarted: isStarted))
    }
    let beside = (children[stat.parent] ?? []).filter { $0.id != pid && $0.id != getpid() }
    add(below: pid)
    if let program = Procfs.executable(of: pid), program == Procfs.executable(of: stat.parent) {
      for other in beside where Procfs.executable(of: other.id) == program { add(other, isStarted: false) }
    }
    self.init(own: status.residentBytes, members: found)
  }

  /// Growth below this is none, in bytes, and below this part of the level.
  private static let material: UInt64 = 1 << 20
  private static let materialPart: UInt64 = 100
  /// A process that is so much larger is the service, and the one that was looked at its starter. In bytes.
  private static let clearDifference: UInt64 = 8 << 20

  /// Which of them rather is what somebody looks for who asks why memory grows: the one that grew most, where that is more than the process itself
  /// did; else one that it has started and that is at least twice as large.
  ///
  /// - Parameter earlier: what there was when the watch began.
  /// - Returns: a sentence without its stop and capital; nil where there is none such.
  public func hint(since earlier: Relatives) -> String? {
    guard let own, let before = earlier.own else { return nil }
    let ownGrowth = own > before ? own - before : 0
    var grown: (member: Member, by: UInt64)?
    for member in members {
      guard let old = earlier.members.first(where: { $0.pid == member.pid && $0.start == member.start }),
        member.resident > old.resident
      else { continue }
      let growth = member.resident - old.resident
      if growth >= max(Self.material, old.resident / Self.materialPart), growth > max(ownGrowth, grown?.by ?? 0) {
        grown = (member, growth)
      }
    }
    if let grown {
      return "\(Self.said(grown.member)) grew by \(ByteCount(grown.by)) meanwhile: see memwhy \(grown.member.pid)"
    }
    guard let largest = members.filter(\.isStarted).max(by: { $0.resident < $1.resident }),
      largest.resident / 2 > own, largest.resident - own > Self.clearDifference
    else { return nil }
    return "\(Self.said(largest)) is larger, \(ByteCount(largest.resident)): see memwhy \(largest.pid)"
  }

  private static func said(_ member: Member) -> String {
    "process \(member.pid) (\(member.name)), which \(member.isStarted ? "it" : "its parent") has started,"
  }
}
