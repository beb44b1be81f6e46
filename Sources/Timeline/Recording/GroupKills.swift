import Measurement

/// Processes that the kernel has ended for lack of memory in the control group of a target, from one look to the next.
public struct GroupKills: Sendable {
  private var last: [String: Double] = [:]

  /// What the kernel counted before the first look does not count.
  public init() {}

  /// How many processes were killed since the last look: in the group itself or, if that has gone, in the nearest group above that is still there. A
  /// container's group is removed with its last process, often before anybody looks again.
  ///
  /// - Returns: how many, and the folder of the group that counts them; nil for none, and at the first look.
  public mutating func look(at group: ControlGroupReader) -> (count: UInt64, folder: String)? {
    let now = group.kills()
    let before = last
    last = Dictionary(now.map { ($0.folder, $0.count) }, uniquingKeysWith: max)
    guard let (folder, count) = now.first, let earlier = before[folder], count > earlier else { return nil }
    return ((count - earlier).saturatedAmount, folder)
  }

  /// The same, in words.
  mutating func event(in group: ControlGroupReader, at time: Int64) -> TimelineEvent? {
    guard let (count, folder) = look(at: group) else { return nil }
    let place = folder == group.folder ? "its control group" : "\(folder), the group above it"
    return TimelineEvent(
      time: time, kind: .outOfMemory,
      detail: "for lack of memory the kernel killed \(Count(count).of("process", "processes")) of \(place)")
  }
}
