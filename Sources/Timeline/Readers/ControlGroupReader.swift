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
  public init?(of pid: Int32) { self.init(ControlGroupMembership.all(of: pid), mounts: ControlGroupMount.all) }

  init?(_ memberships: [ControlGroupMembership], mounts: [ControlGroupMount]) {
    for membership in memberships where membership.accountsForMemory {
      for mount in mounts where mount.shows(membership) {
        var isHidden = false
        let folders = mount.folders(for: membership.path, isHidden: &isHidden)
        // What can be seen instead, memwhy's own group for instance, would be another's numbers.
        if !isHidden, let reader = ControlGroupReader(innermostOf: folders) {
          self = reader
          return
        }
      }
    }
    return nil
  }

  /// The first of a group and its ancestors that counts memory: where the controller is not handed down to a group (version 2), its
  /// processes count in the nearest ancestor that has it.
  init?(innermostOf folders: [String]) {
    for (index, folder) in folders.enumerated() {
      guard let reader = try? ControlGroupReader(folder: folder, ancestors: Array(folders[index...])) else { continue }
      self = reader
      return
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
    readSwapAndPeak(usage, into: &sample)
    let text = (try? contents(of: "\(folder)/memory.stat", limit: 1 << 20)) ?? []
    let stat = KeyedNumbers(text)
    switch version {
    case .two:
      Self.readTwo(stat, into: &sample)
      readEvents(into: &sample)
    case .one: readOne(stat, folder, into: &sample)
    }
    if let inactive = sample[.groupInactiveFile] { sample[.groupWorkingSet] = max(usage - inactive, 0) }
    sample[.groupProcesses] = (try? contents(of: "\(folder)/cgroup.procs", limit: 4 << 20)).map { bytes in
      Double(bytes.count { $0 == 10 })
    }
    return true
  }

  /// `memory.peak` is there from 5.19 on. Version 1 counts memory and swap together, where the kernel was told to (`swapaccount=1`).
  private func readSwapAndPeak(_ usage: Double, into sample: inout Sample) {
    switch version {
    case .two:
      sample[.groupPeak] = number("memory.peak")
      sample[.groupHigh] = tightest(["memory.high"])
      sample[.groupSwap] = number("memory.swap.current")
      sample[.groupSwapLimit] = ancestors.compactMap { number("memory.swap.max", in: $0) }.filter {
        $0 < Self.unlimited
      }.min()
    case .one:
      sample[.groupPeak] = number("memory.max_usage_in_bytes")
      sample[.groupSwap] = number("memory.memsw.usage_in_bytes").map { max($0 - usage, 0) }
      sample[.groupSwapLimit] = ancestors.compactMap { ancestor in
        guard let both = number("memory.memsw.limit_in_bytes", in: ancestor), both < Self.unlimited,
          let memory = number("memory.limit_in_bytes", in: ancestor)
        else { return nil }
        return max(both - memory, 0)
      }.min()
    }
  }

  private static func readTwo(_ stat: KeyedNumbers, into sample: inout Sample) {
    sample[.groupAnonymous] = stat["anon"]
    sample[.groupFile] = stat["file"]
    sample[.groupInactiveFile] = stat["inactive_file"]
    sample[.groupShared] = stat["shmem"]
    // `kernel` is there from 5.18 on; before, the sum of its parts.
    let parts = ["kernel_stack", "pagetables", "slab", "percpu", "vmalloc"].compactMap { stat[$0] }
    sample[.groupKernel] = stat["kernel"] ?? (parts.isEmpty ? nil : parts.reduce(0, +))
    sample[.groupSocket] = stat["sock"]
  }

  private func readEvents(into sample: inout Sample) {
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

  private func readOne(_ stat: KeyedNumbers, _ folder: String, into sample: inout Sample) {
    sample[.groupAnonymous] = stat["total_rss"]
    sample[.groupFile] = stat["total_cache"]
    sample[.groupInactiveFile] = stat["total_inactive_file"]
    sample[.groupShared] = stat["total_shmem"]
    sample[.groupKernel] = number("memory.kmem.usage_in_bytes", in: folder)
    sample[.groupSocket] = number("memory.kmem.tcp.usage_in_bytes", in: folder)
    sample[.groupLimitHits] = number("memory.failcnt", in: folder)
    sample[.groupKills] = killed(in: folder)
  }

  /// The tightest limit among the group and its ancestors; nil for none.
  ///
  /// Of an ancestor's limit the group has what the others below that ancestor leave: less what they hold and cannot give back. In version 2
  /// `memory.high` counts, too: above it the kernel slows allocations down until hardly anything moves.
  public var limit: Double? {
    tightest(version == .two ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"])
  }

  private func tightest(_ files: [String]) -> Double? {
    ancestors.compactMap { ancestor -> Double? in
      guard let limit = files.compactMap({ number($0, in: ancestor) }).filter({ $0 < Self.unlimited }).min() else {
        return nil
      }
      guard ancestor != folder, let all = charged(in: ancestor), let own = charged(in: folder) else { return limit }
      return max(limit - max(all - own, 0), 0)
    }.min()
  }

  /// Bytes that a group cannot give back without swap and without ending somebody; nil where it does not say.
  private func charged(in folder: String) -> Double? {
    guard let bytes = try? contents(of: "\(folder)/memory.stat", limit: 1 << 20) else { return nil }
    var sample = Sample(time: 0)
    let stat = KeyedNumbers(bytes)
    switch version {
    case .two: Self.readTwo(stat, into: &sample)
    case .one: readOne(stat, folder, into: &sample)
    }
    return sample.groupCharged
  }

  /// Processes that the kernel has ended for lack of memory, by folder: of the group and of its ancestors, innermost first.
  ///
  /// In version 2 an ancestor counts those of the groups below it, and is still there when a container's own group has been removed.
  func kills() -> [(folder: String, count: Double)] {
    let folders = version == .two ? [folder] + ancestors.filter { $0 != folder } : [folder]
    return folders.compactMap { folder in killed(in: folder).map { (folder, $0) } }
  }

  private func killed(in folder: String) -> Double? {
    let file = version == .two ? "memory.events" : "memory.oom_control"
    return (try? contents(of: "\(folder)/\(file)", limit: 4096)).flatMap { KeyedNumbers($0)["oom_kill"] }
  }

  private func number(_ file: String, in folder: String? = nil) -> Double? {
    guard let bytes = try? contents(of: "\(folder ?? self.folder)/\(file)", limit: 4096) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
    return Double(text).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }
}
