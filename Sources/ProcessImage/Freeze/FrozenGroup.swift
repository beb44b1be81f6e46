/// A control group whose processes the kernel holds still, as `docker pause` and `systemctl freeze` do.
///
/// Version 2: `cgroup.events` and `cgroup.freeze` (Documentation/admin-guide/cgroup-v2.rst of Linux 6.x). Version 1: `freezer.state`
/// (cgroup-v1/freezer-subsystem.rst).
struct FrozenGroup: Sendable, Hashable {
  /// The group that was frozen: the process's own or an ancestor.
  var folder: String
  /// A tracer can stop threads that version 2 holds; those that version 1 holds wait in the kernel until they are thawed.
  var canStop: Bool

  /// The frozen group that a process is in; nil for none, and where that cannot be seen.
  init?(of pid: Int32) { self.init(ControlGroupMembership.all(of: pid), mounts: ControlGroupMount.all) }

  init?(_ memberships: [ControlGroupMembership], mounts: [ControlGroupMount]) {
    for membership in memberships {
      guard let mount = mounts.first(where: { $0.shows(membership, controller: "freezer") }) else { continue }
      var isHidden = false
      let folders = mount.folders(for: membership.path, isHidden: &isHidden)
      guard let own = folders.first, Self.isFrozen(own, isUnified: membership.isUnified) else { continue }
      let mark = membership.isUnified ? "cgroup.freeze" : "freezer.self_freezing"
      folder = folders.first { Self.text("\($0)/\(mark)").hasPrefix("1") } ?? own
      canStop = membership.isUnified
      return
    }
    return nil
  }

  /// By itself or by an ancestor: both files say so in either case.
  private static func isFrozen(_ folder: String, isUnified: Bool) -> Bool {
    if isUnified { return text("\(folder)/cgroup.events").split(separator: "\n").contains("frozen 1") }
    let state = text("\(folder)/freezer.state")
    return state.hasPrefix("FROZEN") || state.hasPrefix("FREEZING")
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? contents(of: path, limit: 4096)) ?? [], as: UTF8.self)
  }

  func refusal(pid: Int32) -> FreezeError { .frozenGroup(pid: pid, group: folder, canStop: canStop) }
}
