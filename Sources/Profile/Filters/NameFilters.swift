/// `--focus --ignore --hide --show --show-from`: what pprof's options of these names do (google/pprof profile/filter.go).
extension Profile {
  /// Which of the filters matched anything.
  struct FilterMatches {
    var focus = false
    var ignore = false
    var hide = false
    var show = false
  }

  /// Keeps samples that go through a location that matches `focus` and through none that matches `ignore`, and takes away lines that match `hide` or do not match
  /// `show`. A sample without any location left goes.
  mutating func filter(
    focus: NameMatcher?, ignore: NameMatcher?, hide: NameMatcher?, show: NameMatcher?
  ) -> FilterMatches {
    var (focus, ignore, hide, show) = (focus, ignore, hide, show)
    var matches = FilterMatches()
    enum Role: UInt8 { case none, focused, ignored }
    var roles = [Role](repeating: .none, count: locations.count)
    var isHidden = [Bool](repeating: false, count: locations.count)
    for index in locations.indices {
      if ignore?.matches(locations[index], self) == true {
        matches.ignore = true
        roles[index] = .ignored
      } else if focus == nil || focus?.matches(locations[index], self) == true {
        matches.focus = true
        roles[index] = .focused
      }
      if hide?.matches(locations[index], self) == true {
        matches.hide = true
        let isWhole = hide?.matchesMapping(locations[index], self) == true
        keepLines(of: index) { !isWhole && hide?.matches($0, $1) != true }
        isHidden[index] = isHidden[index] || locations[index].lineCount == 0
      }
      if show != nil {
        let isWhole = show?.matchesMapping(locations[index], self) == true
        keepLines(of: index) { isWhole || show?.matches($0, $1) == true }
        if locations[index].lineCount == 0 { isHidden[index] = true } else { matches.show = true }
      }
    }
    let hidesAny = isHidden.contains(true)
    rewriteStacks { stack in
      var isFocused = false
      for location in stack {
        switch roles[Int(location)] {
        case .ignored: return nil
        case .focused: isFocused = true
        case .none: break
        }
      }
      guard isFocused else { return nil }
      guard hidesAny else { return stack }
      let rest = stack.filter { !isHidden[Int($0)] }
      return rest.isEmpty ? nil : rest[...]
    }
    return matches
  }

  /// Takes away what called the outermost location that matches; samples without one go. Returns whether anything matched.
  mutating func showFrom(_ matcher: NameMatcher) -> Bool {
    var matcher = matcher
    var isStart = [Bool](repeating: false, count: locations.count)
    for index in locations.indices {
      if matcher.matchesMapping(locations[index], self) {
        isStart[index] = true
        continue
      }
      guard let last = lines(of: locations[index]).lastIndex(where: { matcher.matches($0, self) }) else { continue }
      isStart[index] = true
      locations[index].lineCount = last - locations[index].firstLine + 1
    }
    rewriteStacks { stack in
      stack.lastIndex { isStart[Int($0)] }.map { stack[...$0] }
    }
    return isStart.contains(true)
  }

  /// Narrows a location's lines; those that stay keep their order.
  mutating func keepLines(of index: Int, _ isKept: (Line, Profile) -> Bool) {
    let old = lines(of: locations[index])
    let kept = old.filter { isKept($0, self) }
    guard kept.count != old.count else { return }
    locations[index].firstLine = lines.count
    locations[index].lineCount = kept.count
    lines += kept
  }

  /// Replaces every sample's stack; nil takes the sample away.
  mutating func rewriteStacks(_ change: (ArraySlice<UInt32>) -> ArraySlice<UInt32>?) {
    let old = samples
    samples = old.rewritten { index, new in
      guard let stack = change(old.stack(index)) else { return }
      new.append(stack: stack, values: old.values(index), labels: old.labels(index))
    }
  }

  /// Takes away samples.
  mutating func keepSamples(_ isKept: (SampleTable, Int) -> Bool) {
    let old = samples
    samples = old.rewritten { index, new in
      guard isKept(old, index) else { return }
      new.append(stack: old.stack(index), values: old.values(index), labels: old.labels(index))
    }
  }
}
