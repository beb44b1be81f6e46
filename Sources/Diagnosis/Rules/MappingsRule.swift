import HeapGraph
import Timeline

/// Memory that was mapped past the allocator: anonymous mmap, mapped files.
struct MappingsRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let before = first.books, let after = last.books,
      let hours = evidence.heapHours
    else { return [] }
    let growth = Growth(before: before, after: after, hours: hours, evidence: evidence)
    var findings: [Finding] = []
    if let finding = anonymous(growth, first, last) { findings.append(finding) }
    for kind in Kind.all where kind.holder != .stacks || !ThreadsRule.isGrowing(evidence) {
      let special = kind.holder == .stacks ? unjoined(growth, first, last) : nil
      if let finding = special ?? growth.finding(kind) { findings.append(finding) }
    }
    return findings
  }

  private static let fewestUnjoined: Int64 = 8

  /// Stacks of threads that have ended: glibc keeps each for the one who joins the thread.
  private static func unjoined(_ growth: Growth, _ first: HeapFacts, _ last: HeapFacts) -> Finding? {
    guard let now = last.unjoinedThreads, let before = first.unjoinedThreads else { return nil }
    let (more, bytes) = (Int64(clamping: now) - Int64(clamping: before), growth.bytes(.stacks))
    // Each has touched a page or more.
    guard more >= fewestUnjoined, growth.isMaterial(bytes), bytes / more >= 4096 else { return nil }
    return growth.finding(
      "stacks of \(Say.count(now)) threads that have ended and were never joined", .stacks, bytes,
      evidence: [
        "\(Say.count(now)) threads have ended, \(Say.count(more)) more than at the first snapshot, and nobody has joined or detached them: their stacks stay, with what `pthread_join` would return",
        "resident pages of stacks \(growth.words(bytes)), to \(Say.bytes(growth.after[.stacks])); each takes its whole size of address space beside that, 8 MiB unless it was set",
      ],
      advice:
        "call `pthread_join` for each thread when its work is done, or `pthread_detach` when it begins; tasks, dispatch queues and Foundation's `Thread` do that themselves",
      overturnedBy: "they are joined later: then their number falls")
  }

  private static func anonymous(_ growth: Growth, _ first: HeapFacts, _ last: HeapFacts) -> Finding? {
    // Of an allocator that is not known by structure the blocks lie there too. What they grew by has its own causes.
    let blocks = last.isExact ? 0 : max(last.liveInCensus - first.liveInCensus, 0)
    let bytes = growth.bytes(.mappings) - blocks
    guard growth.isMaterial(bytes) else { return nil }
    let pointers = last.outsidePointers ?? []
    let place = pointers.first.map { GrowingPlace.withoutType($0.place) }
    return growth.finding(
      (last.isExact
        ? "anonymous mappings outside malloc" : "anonymous mappings, those of \(last.allocator) among them")
        + (place.map { ", to which \($0) points" } ?? ""),
      .mappings, bytes,
      evidence: [
        growth.words(bytes) + ", to \(Say.bytes(growth.after[.mappings]))"
          + (blocks > 0 ? ", without \(Say.bytes(blocks)) of live objects in them" : ""),
        "the largest: \(largest(growth.after).map(Say.bytes).joined(separator: ", "))",
      ] + pointers.map(words),
      site: place,
      advice: place.map {
        "give back with munmap what \($0) points to when it is done with, or madvise(MADV_DONTNEED) what of it is not in use; a pool wants a limit"
      }
        ?? "look for mmap without munmap: memory pools, JIT code, another allocator in a library; `pmap -X PID` lists them",
      overturnedBy: "the mappings are unmapped when the load falls")
  }

  private static func words(_ pointers: OutsidePointers) -> String {
    "\(Say.count(pointers.pointers)) \(pointers.pointers == 1 ? "word" : "words") of \(GrowingPlace.withoutType(pointers.place))"
      + (pointers.root.map { ", reached from \(GrowingPlace.withoutType($0))," } ?? "")
      + (pointers.pointers == 1 ? " points there" : " point there")
  }

  /// At most three. Of what is next to nothing beside the largest nobody has to know.
  private static func largest(_ books: ResidentBooks) -> [UInt64] {
    let largest = books.largestMappings.prefix(3)
    return largest.filter { $0 >= (largest.first ?? 0) / 100 }
  }
}

/// Resident pages of one kind, and what is said where they grew.
private struct Kind {
  let holder: ResidentBooks.Holder
  let title: String
  let pages: String
  /// The sentence says what they grew to.
  var saysTotal = true
  var also = ""
  let advice: String
  let overturnedBy: String

  static let all = [
    Kind(
      holder: .files, title: "mapped files", pages: "mapped files", saysTotal: false,
      advice:
        "clean pages of files are given back when memory is short; unmap files that are no longer read (Data(mappedIfSafe))",
      overturnedBy: "they stay when memory is short"),
    Kind(
      holder: .moduleData, title: "variables of the program and its libraries", pages: "writable data of modules",
      advice:
        "look for a large static array or buffer, mostly of C code, that is filled bit by bit: `nm -S --size-sort FILE | tail` lists the largest variables",
      overturnedBy: "it ends at the size of these variables: it is bounded by what was compiled in"),
    Kind(
      holder: .stacks, title: "stacks of threads", pages: "stacks",
      also: ", while the number of threads does not rise",
      advice:
        "look for recursion that goes deeper, and for large arrays on the stack; a thread never gives back what its stack has touched",
      overturnedBy: "it ends at the size of the stacks"),
  ]
}

/// Of resident memory between two snapshots, by holder.
private struct Growth {
  let before: ResidentBooks
  let after: ResidentBooks
  let hours: Double
  let evidence: Evidence

  func bytes(_ holder: ResidentBooks.Holder) -> Int64 { after[holder] - before[holder] }

  func isMaterial(_ growth: Int64) -> Bool { Double(growth) >= Evidence.material(Double(after.resident)) }

  func words(_ growth: Int64) -> String { "grew by \(Say.bytes(growth)), \(Say.rate(Double(growth), hours: hours))" }

  /// Nil where they did not grow.
  func finding(_ kind: Kind) -> Finding? {
    let growth = bytes(kind.holder)
    guard isMaterial(growth) else { return nil }
    let total = kind.saysTotal ? ", to \(Say.bytes(after[kind.holder]))" : ""
    return finding(
      kind.title, kind.holder, growth,
      evidence: ["resident pages of \(kind.pages) \(words(growth))\(total)\(kind.also)"], advice: kind.advice,
      overturnedBy: kind.overturnedBy)
  }

  func finding(
    _ title: String, _ holder: ResidentBooks.Holder, _ growth: Int64, evidence lines: [String], site: String? = nil,
    advice: String, overturnedBy: String
  ) -> Finding {
    Finding(
      .mappings, title: title, site: site, confidence: evidence.growthConfidence, growth: growth,
      holds: UInt64(max(after[holder], 0)), evidence: lines, advice: [advice], overturnedBy: overturnedBy)
  }
}

extension HeapFacts {
  /// Bytes of the blocks in the census.
  fileprivate var liveInCensus: Int64 { Int64(clamping: bytes { _ in true }) }
}
