import Glibc

/// One line of `/proc/PID/cgroup` (man 7 cgroups): a group that a process is in.
package struct ControlGroupMembership: Sendable, Hashable {
  /// Of the hierarchy of version 2.
  package var isUnified: Bool
  /// The group's own, from the root of its hierarchy.
  package var path: String
  /// Of version 1: what this hierarchy controls. Version 2 has one hierarchy for everything and names nothing.
  package var controllers: [String] = []

  /// Version 2 counts memory in every group, version 1 in the hierarchy of that controller.
  package var accountsForMemory: Bool { isUnified || controllers.contains("memory") }

  /// All of a process; empty where they cannot be read.
  package static func all(of pid: Int32) -> [ControlGroupMembership] {
    (try? contents(of: "/proc/\(pid)/cgroup")).map(parse) ?? []
  }

  /// `id:controllers:path`, one line a hierarchy; version 2 has id 0 and names no controllers.
  package static func parse(_ bytes: [UInt8]) -> [ControlGroupMembership] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      let isUnified = parts[0] == "0" && parts[1].isEmpty
      return ControlGroupMembership(
        isUnified: isUnified, path: String(parts[2]), controllers: parts[1].split(separator: ",").map(String.init))
    }
  }
}

/// Where a control group hierarchy is mounted (proc(5), mountinfo).
package struct ControlGroupMount: Sendable, Hashable {
  package var folder: String
  /// The part of the hierarchy that the mount shows; `/` for all of it.
  package var root: String
  package var isUnified: Bool
  /// Of version 1: what the hierarchy controls, among its other options.
  package var controllers: [String] = []

  /// Those that this process sees; empty where they cannot be read.
  package static var all: [ControlGroupMount] { (try? contents(of: "/proc/self/mountinfo")).map(parse) ?? [] }

  package static func parse(_ bytes: [UInt8]) -> [ControlGroupMount] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      // id parent major:minor root folder options … - type source superoptions
      guard words.count > 5, let dash = words.firstIndex(of: "-"), words.count > dash + 1 else { return nil }
      let type = words[dash + 1]
      guard type == "cgroup" || type == "cgroup2" else { return nil }
      let options = words.count > dash + 3 ? words[dash + 3].split(separator: ",").map(String.init) : []
      return ControlGroupMount(
        folder: String(words[4]), root: String(words[3]), isUnified: type == "cgroup2",
        controllers: type == "cgroup2" ? [] : options)
    }
  }

  /// The group is in this hierarchy, which has the controller; version 2 may have all of them.
  package func shows(_ membership: ControlGroupMembership, controller: String) -> Bool {
    isUnified
      ? membership.isUnified : membership.controllers.contains(controller) && controllers.contains(controller)
  }

  /// The memory of a process's group is counted in this hierarchy.
  package func shows(_ membership: ControlGroupMembership) -> Bool { shows(membership, controller: "memory") }

  /// The folders of a group and of all its ancestors that can be seen, innermost first.
  package func folders(for group: String, isHidden: inout Bool) -> [String] {
    var inside = group
    if root != "/" {
      if inside == root || inside.hasPrefix(root + "/") {
        inside = String(inside.dropFirst(root.count))
      } else {
        // Seen from another namespace: the mount itself is the best that can be had.
        isHidden = true
        inside = ""
      }
    }
    if inside.hasPrefix("/..") {
      isHidden = true
      inside = ""
    }
    var parts = inside.split(separator: "/")
    var result: [String] = []
    while true {
      let path = parts.isEmpty ? folder : folder + "/" + parts.joined(separator: "/")
      if access(path, R_OK) == 0 { result.append(path) } else { isHidden = true }
      if parts.isEmpty { return result }
      parts.removeLast()
    }
  }
}
