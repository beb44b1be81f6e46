import Glibc

/// Memory that this process may still take.
public struct OwnRoom: Sendable, Hashable {
  /// In bytes, less what is left to those who share the limit.
  public let bytes: UInt64
  /// Whose memory it is, for sentences.
  public let place: String
  /// What to do for more.
  public let advice: String

  /// Left to a target in the same control group: beside this, a quarter of what there is, since it goes on allocating.
  private static let reserve = SharedLimitWatch.reserve

  /// The tightest of the limits that this process is under now, the host's memory among them; nil where there is none.
  ///
  /// - Parameter target: the process that is looked at; nil for a file.
  public static func now(beside target: Int32?) -> OwnRoom? {
    let targets = target.map { MemoryLimits(pid: $0).names } ?? []
    return MemoryLimits(pid: getpid()).groups.compactMap { group -> OwnRoom? in
      guard let room = group.headroom(enough: .max) else { return nil }
      if group.kind == .host {
        return OwnRoom(
          bytes: room - room / 8, place: group.name,
          advice: "free some, or look at a core file of the process on a larger machine (`--core`)")
      }
      guard targets.contains(group.name) else {
        return OwnRoom(
          bytes: room - room / 8, place: "\(group.name), in which memwhy runs,",
          advice: "raise its limit, or start memwhy outside of it")
      }
      let own = room - room / 4
      return OwnRoom(
        bytes: own - min(reserve, own), place: "\(group.name), which memwhy shares with the process,",
        advice: "start it on the host, or in a container of its own beside this one")
    }.min { $0.bytes < $1.bytes }
  }

  /// Memory of this process that no file stands behind, in bytes.
  static var anonymousBytes: UInt64 {
    guard let text = try? contents(of: "/proc/self/statm", limit: 256) else { return 0 }
    // Pages: size, resident, of these shared with a file.
    let pages = String(decoding: text, as: UTF8.self).split(separator: " ").prefix(3).map { UInt64($0) ?? 0 }
    return pages.count == 3 && pages[1] > pages[2] ? (pages[1] - pages[2]) &* 4096 : 0
  }
}
