import ProcessImage
import Profile
import SamplerTable

/// Names of the frames of a table's stacks, for texts. Source lines are left to the profile.
struct StackNames {
  private var names: [UInt64: [String]] = [:]
  private var modules: [UInt64: String] = [:]
  let remarks: [String]

  init(_ sampled: SampledTable, root: String?, debugDirectories: [String]) {
    let (profile, remarks) = sampled.profile(lines: false, root: root, debugDirectories: debugDirectories)
    self.remarks = remarks
    for location in profile.locations {
      let lines = profile.lines(of: location)
      names[location.address] = lines.compactMap { line in
        line.function.map { profile.text(profile.functions[$0].name) }
      }
      if let mapping = location.mapping {
        let path = profile.text(profile.mappings[mapping].file)
        modules[location.address] = path.fileName
      }
    }
  }

  /// Innermost first; an address where there is no name.
  func names(of frame: SamplerTable.Frame) -> [String] {
    let found = names[frame.lookupAddress] ?? []
    if !found.isEmpty { return found }
    let address = "0x\(String(frame.address, radix: 16))"
    return [modules[frame.lookupAddress].map { "\($0) \(address)" } ?? address]
  }

  /// Libraries whose frames say how memory is allocated, not what for.
  private static let runtimes = [
    "libswiftCore", "libswift_Concurrency", "libFoundation", "libdispatch", "libstdc++", "libc.so", "libc-2",
    "ld-linux",
    "libswiftDispatch", "libgcc_s", "libm.so",
  ]

  /// A stack in a line: the innermost frames of the program's own code, `a < b < c`, or of the libraries where there is none.
  func summary(_ site: SamplerTable.Site, frames count: Int = 3) -> String {
    guard !site.addresses.isEmpty else { return site.index == 0 ? "(stacks that found no room)" : "(unknown stack)" }
    let own = site.frames.filter { frame in
      guard let module = modules[frame.lookupAddress] else { return true }
      return !Self.runtimes.contains { module.hasPrefix($0) }
    }
    var result: [String] = []
    for frame in own.isEmpty ? site.frames : own {
      for name in names(of: frame) where result.last != name { result.append(name) }
      if result.count >= count { break }
    }
    return result.prefix(count).joined(separator: " < ")
  }
}
