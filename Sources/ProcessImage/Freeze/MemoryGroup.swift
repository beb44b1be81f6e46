/// One limit on the target's memory: a control group (version 1 or 2) or the host itself. Sizes in bytes.
struct MemoryGroup: Sendable {
  enum Kind: Sendable { case version1, version1Swap, version2, version2High, host }

  let kind: Kind
  /// Folder, or `/proc/meminfo`.
  let path: String
  private let usage: Descriptor
  private let limit: Descriptor
  private let statistics: Descriptor?

  /// For messages.
  var name: String {
    switch kind {
    case .version1, .version2: "memory control group \(path)"
    case .version1Swap: "memory control group \(path) (memory and swap)"
    case .version2High: "memory control group \(path) (memory.high)"
    case .host: "the host's memory"
    }
  }

  /// Nil where the files cannot be read.
  init?(_ kind: Kind, path: String) {
    self.kind = kind
    self.path = path
    let names: (usage: String, limit: String)
    switch kind {
    case .version1: names = ("memory.usage_in_bytes", "memory.limit_in_bytes")
    case .version1Swap: names = ("memory.memsw.usage_in_bytes", "memory.memsw.limit_in_bytes")
    case .version2: names = ("memory.current", "memory.max")
    case .version2High: names = ("memory.current", "memory.high")
    case .host:
      guard let file = try? Descriptor(reading: path) else { return nil }
      usage = file
      limit = file
      statistics = nil
      return
    }
    guard let usage = try? Descriptor(reading: "\(path)/\(names.usage)"),
      let limit = try? Descriptor(reading: "\(path)/\(names.limit)")
    else { return nil }
    self.usage = usage
    self.limit = limit
    statistics = try? Descriptor(reading: "\(path)/memory.stat")
  }

  /// Room that is left, with page cache that can be dropped at once; nil for no limit.
  ///
  /// - Parameter enough: where the plain difference reaches this, the page cache is not looked up.
  func headroom(enough: UInt64) -> UInt64? {
    if kind == .host { return number(of: "MemAvailable:", in: text(usage)).map { $0 &* 1024 } }
    // `max` in version 2 is no number; version 1 writes about 2^63.
    guard let limit = UInt64(text(limit)), limit < 1 << 60, let used = UInt64(text(usage)) else { return nil }
    let room = limit > used ? limit - used : 0
    if room >= enough { return room }
    return room &+ reclaimable
  }

  /// Inactive file pages that are neither dirty nor being written.
  private var reclaimable: UInt64 {
    guard let statistics else { return 0 }
    let text = text(statistics)
    let keys =
      kind == .version1 || kind == .version1Swap
      ? ["total_inactive_file", "total_dirty", "total_writeback"] : ["inactive_file", "file_dirty", "file_writeback"]
    let values = keys.map { number(of: $0, in: text) ?? 0 }
    let busy = values[1] &+ values[2]
    return values[0] > busy ? values[0] - busy : 0
  }

  private func number(of key: String, in text: String) -> UInt64? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 2 && words[0] == key { return UInt64(words[1]) }
    }
    return nil
  }

  private func text(_ file: Descriptor) -> String {
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = buffer.withUnsafeMutableBytes { (try? file.read(at: 0, into: $0)) ?? 0 }
    let text = String(decoding: buffer[..<count], as: UTF8.self)
    return text.last == "\n" ? String(text.dropLast()) : text
  }
}

/// All limits that a process is under, from its own control group up to the host.
struct MemoryLimits: Sendable {
  var groups: [MemoryGroup] = []
  /// An out-of-memory kill of the copy would take the whole group, target included (`memory.oom.group`).
  var killsWholeGroup = false
  /// Reaching the limit stops the group's processes instead of killing one (version 1, `oom_kill_disable`).
  var stopsAtLimit = false
  /// The process's groups are not visible from here.
  var isPartlyHidden = false

  init(pid: Int32) { self.init(ControlGroupMembership.all(of: pid), mounts: ControlGroupMount.all) }

  init(_ memberships: [ControlGroupMembership], mounts: [ControlGroupMount]) {
    let counting = memberships.filter(\.accountsForMemory)
    // Where version 1 has the controller, version 2 counts no memory.
    let isOld = counting.contains { !$0.isUnified }
    for membership in counting where membership.isUnified != isOld {
      guard let mount = mounts.first(where: { $0.shows(membership) }) else {
        isPartlyHidden = true
        continue
      }
      add(mount.folders(for: membership.path, isHidden: &isPartlyHidden), isUnified: membership.isUnified)
    }
    if let host = MemoryGroup(.host, path: "/proc/meminfo") { groups.append(host) }
  }

  private mutating func add(_ folders: [String], isUnified: Bool) {
    for folder in folders {
      if isUnified {
        groups += [MemoryGroup(.version2, path: folder), MemoryGroup(.version2High, path: folder)].compactMap { $0 }
        if (try? contents(of: "\(folder)/memory.oom.group", limit: 64))?.first == UInt8(ascii: "1") {
          killsWholeGroup = true
        }
      } else {
        groups += [MemoryGroup(.version1, path: folder), MemoryGroup(.version1Swap, path: folder)].compactMap { $0 }
        if let bytes = try? contents(of: "\(folder)/memory.oom_control", limit: 4096),
          String(decoding: bytes, as: UTF8.self).contains("oom_kill_disable 1")
        {
          stopsAtLimit = true
        }
      }
    }
  }

  /// By these it is told which limits two processes share.
  var names: Set<String> { Set(groups.map(\.name)) }

  /// The tightest limit; nil where there is none at all.
  func tightest(enough: UInt64) -> (group: MemoryGroup, room: UInt64)? {
    var result: (group: MemoryGroup, room: UInt64)?
    for group in groups {
      guard let room = group.headroom(enough: enough) else { continue }
      if room < result?.room ?? .max { result = (group, room) }
    }
    return result
  }
}
