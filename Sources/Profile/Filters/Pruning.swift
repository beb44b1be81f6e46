/// Leaving out what is below a function (google/pprof profile/prune.go).
extension Profile {
  /// Applies `dropFrames` and `keepFrames`, the profile's own idea of what is uninteresting.
  ///
  /// - Throws: `badPattern` for a pattern that cannot be read.
  mutating func dropUninteresting() throws(ProfileError) {
    guard !dropFrames.isEmpty else { return }
    let drop = try Pattern("^(\(dropFrames))$", option: "the profile's drop_frames")
    let keep = keepFrames.isEmpty ? nil : try Pattern("^(\(keepFrames))$", option: "the profile's keep_frames")
    prune { drop.matches($0) && keep?.matches($0) != true }
  }

  /// Takes away functions that are dropped, together with all that they call. Frames before the first one that is kept, seen from the root, stay: something must.
  mutating func prune(_ isDropped: (String) -> Bool) {
    let drops = droppedFunctions(isDropped)
    guard drops.contains(true) else { return }
    enum Role: UInt8 { case kept, pruned, prunedBeneath }
    var roles = [Role](repeating: .kept, count: locations.count)
    for index in locations.indices {
      let all = lines(of: locations[index])
      guard let last = all.lastIndex(where: { $0.function.map { drops[$0] } == true }) else { continue }
      if last == all.endIndex - 1 {
        roles[index] = .pruned
      } else {
        roles[index] = .prunedBeneath
        locations[index].lineCount -= last + 1 - locations[index].firstLine
        locations[index].firstLine = last + 1
      }
    }
    rewriteStacks { stack in
      var foundKept = false
      for index in stack.indices.reversed() {
        switch roles[Int(stack[index])] {
        case .kept: foundKept = true
        case .pruned: if foundKept { return stack[(index + 1)...] }
        case .prunedBeneath: if foundKept { return stack[index...] }
        }
      }
      return stack
    }
  }

  /// `--prune-from`: takes away what matching functions call, but not these.
  mutating func pruneFrom(_ pattern: Pattern) {
    let drops = droppedFunctions(pattern.matches)
    var isStart = [Bool](repeating: false, count: locations.count)
    for index in locations.indices {
      guard let first = lines(of: locations[index]).firstIndex(where: { $0.function.map { drops[$0] } == true }) else {
        continue
      }
      isStart[index] = true
      locations[index].lineCount -= first - locations[index].firstLine
      locations[index].firstLine = first
    }
    rewriteStacks { stack in
      stack.firstIndex { isStart[Int($0)] }.map { stack[$0...] } ?? stack
    }
  }

  private func droppedFunctions(_ isDropped: (String) -> Bool) -> [Bool] {
    functions.map { function in
      let name = strings[function.name]
      return !name.isEmpty && isDropped(Self.withoutParameters(name))
    }
  }

  /// Without a leading point and an argument list. Parentheses that belong to a C++ name stay.
  static func withoutParameters(_ name: String) -> String {
    var bytes = Array(name.utf8)[...]
    if bytes.first == UInt8(ascii: ".") { bytes = bytes.dropFirst() }
    let reserved = [Array("(anonymous namespace)".utf8), Array("()".utf8)]
    var index = bytes.startIndex
    while let open = bytes[index...].firstIndex(of: UInt8(ascii: "(")) {
      if bytes[open...].starts(with: reserved[0]) {
        index = open + reserved[0].count
      } else if bytes[open...].starts(with: reserved[1]), bytes[..<open].reversed().starts(with: "rotarepo".utf8) {
        index = open + 2
      } else {
        return String(decoding: bytes[..<open], as: UTF8.self)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
