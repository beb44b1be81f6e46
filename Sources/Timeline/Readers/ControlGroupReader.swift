import Glibc
import ProcessImage

/// Memory numbers of one control group, version 1 or 2, as its folder has them.
///
/// Keys: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux 6.x.
public struct ControlGroupReader: Sendable, Hashable {
  public enum Version: Int, Sendable, Hashable {
    case one = 1
    case two = 2
  }

  public let folder: String
  public let version: Version
  /// Folders whose limits count too: the group's own and its ancestors'.
  private let ancestors: [String]

  /// A limit at or above this is none: version 1 writes about 2^63.
  private static let unlimited: Double = 0x1p60

  /// - Throws: `TimelineError.badGroup` where the folder has no memory numbers.
  public init(folder: String, ancestors: [String]? = nil) throws(TimelineError) {
    var folder = folder
    while folder.count > 1 && folder.hasSuffix("/") { folder.removeLast() }
    self.folder = folder
    if access("\(folder)/memory.current", R_OK) == 0 {
      version = .two
    } else if access("\(folder)/memory.usage_in_bytes", R_OK) == 0 {
      version = .one
    } else {
      throw .badGroup(path: folder, reason: "there is neither memory.current nor memory.usage_in_bytes")
    }
    self.ancestors =
      ancestors ?? Self.parents(of: folder, file: version == .two ? "memory.max" : "memory.limit_in_bytes")
  }

  /// The group that accounts for a process's memory; nil where none can be seen.
  public init?(of pid: Int32) {
    let mounts = ControlGroupMount.all
    for membership in ControlGroupMembership.all(of: pid) where membership.accountsForMemory {
      for mount in mounts where mount.shows(membership) {
        var isHidden = false
        let folders = mount.folders(for: membership.path, isHidden: &isHidden)
        if let own = folders.first, let reader = try? ControlGroupReader(folder: own, ancestors: folders) {
          self = reader
          return
        }
      }
    }
    return nil
  }

  private static func parents(of folder: String, file: String) -> [String] {
    var result: [String] = []
    var path = folder
    while access("\(path)/\(file)", R_OK) == 0 {
      result.append(path)
      guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { break }
      path = String(path[..<slash])
    }
    return result
  }

  /// Process ids in the group and the groups below it.
  public func processes() -> [Int32] {
    var result: [Int32] = []
    var open = [folder]
    while let path = open.popLast(), result.count < 100_000 {
      if let text = try? contents(of: "\(path)/cgroup.procs", limit: 4 << 20) {
        result += String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
      }
      for name in (try? folderEntries(path)) ?? [] {
        var status = stat()
        if lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFDIR { open.append("\(path)/\(name)") }
      }
    }
    return result
  }

  /// - Returns: false once the group has gone.
  public func read(into sample: inout Sample) -> Bool {
    guard let usage = number(version == .two ? "memory.current" : "memory.usage_in_bytes") else { return false }
    sample[.groupUsage] = usage
    sample[.groupLimit] = limit
    let text = (try? contents(of: "\(folder)/memory.stat", limit: 1 << 20)) ?? []
    let stat = KeyedNumbers(text)
    switch version {
    case .two: readTwo(stat, into: &sample)
    case .one: readOne(stat, into: &sample)
    }
    if let inactive = sample[.groupInactiveFile] { sample[.groupWorkingSet] = max(usage - inactive, 0) }
    sample[.groupProcesses] = (try? contents(of: "\(folder)/cgroup.procs", limit: 4 << 20)).map { bytes in
      Double(bytes.count { $0 == 10 })
    }
    return true
  }

  private func readTwo(_ stat: KeyedNumbers, into sample: inout Sample) {
    sample[.groupAnonymous] = stat["anon"]
    sample[.groupFile] = stat["file"]
    sample[.groupInactiveFile] = stat["inactive_file"]
    sample[.groupShared] = stat["shmem"]
    // `kernel` is there from 5.18 on; before, the sum of its parts.
    let parts = ["kernel_stack", "pagetables", "slab", "percpu", "vmalloc"].compactMap { stat[$0] }
    sample[.groupKernel] = stat["kernel"] ?? (parts.isEmpty ? nil : parts.reduce(0, +))
    sample[.groupSocket] = stat["sock"]
    let events = KeyedNumbers((try? contents(of: "\(folder)/memory.events", limit: 4096)) ?? [])
    sample[.groupLimitHits] = events["max"]
    sample[.groupKills] = events["oom_kill"]
    guard let pressure = try? contents(of: "\(folder)/memory.pressure", limit: 4096) else { return }
    for line in String(decoding: pressure, as: UTF8.self).split(separator: "\n") {
      guard let total = line.split(separator: " ").last, total.hasPrefix("total="),
        let time = Double(total.dropFirst(6))
      else { continue }
      sample[line.hasPrefix("some") ? .groupPressure : .groupStalls] = time / 1e6
    }
  }

  private func readOne(_ stat: KeyedNumbers, into sample: inout Sample) {
    sample[.groupAnonymous] = stat["total_rss"]
    sample[.groupFile] = stat["total_cache"]
    sample[.groupInactiveFile] = stat["total_inactive_file"]
    sample[.groupShared] = stat["total_shmem"]
    sample[.groupKernel] = number("memory.kmem.usage_in_bytes")
    sample[.groupSocket] = number("memory.kmem.tcp.usage_in_bytes")
    sample[.groupLimitHits] = number("memory.failcnt")
    sample[.groupKills] =
      KeyedNumbers((try? contents(of: "\(folder)/memory.oom_control", limit: 4096)) ?? [])["oom_kill"]
  }

  /// The tightest limit among the group and its ancestors; nil for none.
  public var limit: Double? {
    let file = version == .two ? "memory.max" : "memory.limit_in_bytes"
    return ancestors.compactMap { number(file, in: $0) }.filter { $0 < Self.unlimited }.min()
  }

  private func number(_ file: String, in folder: String? = nil) -> Double? {
    guard let bytes = try? contents(of: "\(folder ?? self.folder)/\(file)", limit: 4096) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
    return Double(text).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }
}
