import Timeline

/// Memory that was mapped past the allocator: anonymous mmap, mapped files.
struct MappingsRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let before = first.books, let after = last.books,
      let hours = evidence.heapHours
    else { return [] }
    var findings: [Finding] = []
    let material = Evidence.material(Double(after.resident))
    let anonymous = after[.mappings] - before[.mappings]
    if Double(anonymous) >= material {
      findings.append(
        Finding(
          .mappings, title: "anonymous mappings outside malloc", confidence: evidence.growthConfidence,
          growth: anonymous,
          holds: UInt64(max(after[.mappings], 0)),
          evidence: [
            "grew by \(Say.bytes(anonymous)), \(Say.rate(Double(anonymous), hours: hours)), to \(Say.bytes(after[.mappings]))",
            "the largest: \(after.largestMappings.prefix(3).map(Say.bytes).joined(separator: ", "))",
          ],
          advice: [
            "look for mmap without munmap: memory pools, JIT code, another allocator in a library; `pmap -X PID` lists them"
          ], overturnedBy: "the mappings are unmapped when the load falls"))
    }
    let files = after[.files] - before[.files]
    if Double(files) >= material {
      findings.append(
        Finding(
          .mappings, title: "mapped files", confidence: evidence.growthConfidence, growth: files,
          holds: UInt64(max(after[.files], 0)),
          evidence: [
            "resident pages of mapped files grew by \(Say.bytes(files)), \(Say.rate(Double(files), hours: hours))"
          ],
          advice: [
            "clean pages of files are given back when memory is short; unmap files that are no longer read (Data(mappedIfSafe))"
          ],
          overturnedBy: "they stay when memory is short"))
    }
    return findings
  }
}
