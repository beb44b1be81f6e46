import Timeline

/// Memory that was mapped past the allocator: anonymous mmap, mapped files.
struct MappingsRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let before = first.books, let after = last.books,
      let hours = evidence.heapHours
    else { return [] }
    var findings: [Finding] = []
    let material = Evidence.material(Double(after.resident))
    // Of an allocator that is not known by structure the blocks lie there too. What they grew by has its own causes.
    let blocks = last.isExact ? 0 : max(last.liveInCensus - first.liveInCensus, 0)
    let anonymous = after[.mappings] - before[.mappings] - blocks
    if Double(anonymous) >= material {
      findings.append(
        Finding(
          .mappings,
          title: last.isExact
            ? "anonymous mappings outside malloc" : "anonymous mappings, those of \(last.allocator) among them",
          confidence: evidence.growthConfidence,
          growth: anonymous,
          holds: UInt64(max(after[.mappings], 0)),
          evidence: [
            "grew by \(Say.bytes(anonymous)), \(Say.rate(Double(anonymous), hours: hours)), to \(Say.bytes(after[.mappings]))"
              + (blocks > 0 ? ", without \(Say.bytes(blocks)) of live objects in them" : ""),
            "the largest: \(after.largestMappings.prefix(3).map(Say.bytes).joined(separator: ", "))",
          ],
          advice: [
            "look for mmap without munmap: memory pools, JIT code, another allocator in a library; `pmap -X PID` lists them"
          ], overturnedBy: "the mappings are unmapped when the load falls"))
    }
    /// Resident pages of one kind, where they grew.
    func add(
      _ title: String, _ holder: ResidentBooks.Holder, _ words: (Int64) -> String, advice: String, overturnedBy: String
    ) {
      let growth = after[holder] - before[holder]
      guard Double(growth) >= material else { return }
      findings.append(
        Finding(
          .mappings, title: title, confidence: evidence.growthConfidence, growth: growth,
          holds: UInt64(max(after[holder], 0)), evidence: [words(growth)], advice: [advice], overturnedBy: overturnedBy)
      )
    }
    func grew(by growth: Int64) -> String {
      "grew by \(Say.bytes(growth)), \(Say.rate(Double(growth), hours: hours))"
    }
    add(
      "mapped files", .files, { "resident pages of mapped files \(grew(by: $0))" },
      advice:
        "clean pages of files are given back when memory is short; unmap files that are no longer read (Data(mappedIfSafe))",
      overturnedBy: "they stay when memory is short")
    add(
      "variables of the program and its libraries", .moduleData,
      { "resident pages of writable data of modules \(grew(by: $0)), to \(Say.bytes(after[.moduleData]))" },
      advice:
        "look for a large static array or buffer, mostly of C code, that is filled bit by bit: `nm -S --size-sort FILE | tail` lists the largest variables",
      overturnedBy: "it ends at the size of these variables: it is bounded by what was compiled in")
    if !ThreadsRule.isGrowing(evidence) {
      add(
        "stacks of threads", .stacks,
        {
          "resident pages of stacks \(grew(by: $0)), to \(Say.bytes(after[.stacks])), while the number of threads does not rise"
        },
        advice:
          "look for recursion that goes deeper, and for large arrays on the stack; a thread never gives back what its stack has touched",
        overturnedBy: "it ends at the size of the stacks")
    }
    return findings
  }
}

extension HeapFacts {
  /// Bytes of the blocks in the census.
  fileprivate var liveInCensus: Int64 { Int64(clamping: bytes { _ in true }) }
}
