import Testing

@testable import LocalCache

/// What the statistics note of the traffic, and how it is kept.
@Suite struct AccessLogTests {
  @Test func notesKeepWhatTheyAreMadeOf() {
    for weight in [0, 1, 77, 1 << 20 - 1, 1 << 28 - 1] as [UInt64] {
      let note = AccessNote(key: 0xDEAD_BEEF, kind: .stored, reuse: 63, weight: weight)
      #expect(note.key == 0xDEAD_BEEF && note.kind == .stored && note.reuse == 63)
      #expect(note.weight <= weight && weight - note.weight <= weight >> 18)
      let packed = PackedWeight(weight).value
      #expect(packed <= weight && weight - packed <= weight >> 10)
    }
    #expect(AccessNote(probe: 5, age: 7).age == 7 && AccessNote(probe: 5).age == nil)
    #expect(
      AccessNote(key: 1, kind: .hit, weight: .max).weight >= PolicyNode.maximumWeight - PolicyNode.maximumWeight >> 18)
  }

  @Test func buffersGiveTheirNotesInOrder() {
    var buffer = NoteBuffer()
    for key in 0..<UInt32(NoteBuffer.capacity) {
      let wasFull = buffer.isFull
      #expect(!wasFull)
      buffer.append(AccessNote(key: key, kind: .hit))
    }
    let isFull = buffer.isFull
    #expect(isFull)
    buffer.append(AccessNote(key: 99, kind: .hit))
    var keys: [UInt32] = []
    buffer.drain { keys.append($0.key) }
    let isEmptied = !buffer.isFull
    #expect(keys == Array(0..<UInt32(NoteBuffer.capacity)) && isEmptied)
    buffer.drain { _ in Issue.record("drained twice") }
  }

  /// A cell has two cache lines.
  @Test func buffersFitIntoTheCells() {
    #expect(MemoryLayout<ReaderCell>.size <= ReaderCells.stride)
    let cell = UnsafeMutablePointer<ReaderCell>.allocate(capacity: 1)
    cell.initialize(to: ReaderCell())
    defer {
      cell.deinitialize(count: 1)
      cell.deallocate()
    }
    cell.pointee.notes.append(note(1, .hit))
    var drained: UInt32 = 0
    ReaderCell.notes(of: cell).pointee.drain { drained += $0.key }
    #expect(drained == key(1), "the buffer is not the last field of the cell")
  }

  @Test func reuseClassesGrowWithTime() {
    #expect(ReuseClass.of(insertions: 0, entries: 1000) == 1)
    let classes = [0, 1, 10, 100, 200, 1000, 4000, 1 << 24].map { ReuseClass.of(insertions: $0, entries: 1000) }
    #expect(classes == classes.sorted() && classes.last == 60 && Set(classes).count >= 7)
    #expect(ReuseClass.of(insertions: 5, entries: 0) == 60)
  }

  @Test func plansSampleLessOfMoreEntries() {
    var last: UInt32 = .max
    for entries in [0, 1, 500, 2000, 5000, 20_000, 100_000, 200_000, 1_000_000, 100_000_000] {
      let plan = SamplingPlan(entries: entries)
      #expect(plan.capacity.nonzeroBitCount == 1 && plan.capacity >= 1024 && plan.probePeriod.nonzeroBitCount == 1)
      if entries != 1_000_000 { #expect(plan.threshold <= last) }
      last = plan.threshold
    }
    // Six bytes a note at most, and large caches feel it no more.
    #expect(SamplingPlan(entries: 200_000).capacity * 6 < 200_000 * 2)
  }

  /// A small log keeps the upper 18 of 28 bits.
  private func key(_ number: Int) -> UInt32 { UInt32(number) << 10 }

  private func note(_ number: Int, _ kind: AccessNote.Kind, weight: UInt64 = 0) -> AccessNote {
    AccessNote(key: key(number), kind: kind, reuse: kind == .hit ? 9 : ReuseClass.miss, weight: weight)
  }

  @Test func theRingKeepsTheLastNotesAndTheTrafficBesideThem() {
    let plan = SamplingPlan(entries: 100)
    var log = AccessLog(plan)
    for key in 0..<3000 {
      log.append(note(key, .hit))
      log.append(AccessNote(probe: key < 2400 ? ReuseClass.miss : 12))
    }
    let sample = log.sample()
    #expect(sample.records.map(\.key) == (3000 - 1024..<3000).map(key))
    // The last part is being written, three are full.
    let counted = sample.records.count - sample.firstCounted
    #expect(counted == 3 * 128 + 3000 % 128 && !sample.isSteady)
    #expect(sample.requests == Double(counted * Int(plan.probePeriod)))
    #expect(sample.traffic[Int(ReuseClass.miss)] == 0 && sample.traffic[12] == sample.requests)
  }

  /// Then a quarter is enough to warm miniatures up.
  @Test func moreOfSteadyTrafficCounts() {
    let plan = SamplingPlan(entries: 100)
    var log = AccessLog(plan)
    for key in 0..<3000 {
      log.append(note(key, .hit))
      log.append(AccessNote(probe: key < 2400 ? 9 : 12))
    }
    let sample = log.sample()
    let counted = sample.records.count - sample.firstCounted
    #expect(counted == 5 * 128 + 3000 % 128 && sample.isSteady)
    #expect(sample.requests == Double(counted * Int(plan.probePeriod)))
  }

  @Test func probesOfAnotherPeriodStandForAsManyAccesses() {
    var log = AccessLog(SamplingPlan(entries: 100))
    for key in 0..<1024 {
      log.append(note(key, .hit))
      log.append(AccessNote(probe: 9))
    }
    let before = log.sample().requests
    let rarer = SamplingPlan(entries: 10_000)
    #expect(rarer.probePeriod > SamplingPlan(entries: 100).probePeriod)
    log.turn(rarer)
    #expect(log.sample().requests >= before * 0.99 && log.sample().requests <= before * 1.4)
  }

  @Test func aStoreBelongsToTheMissBefore() {
    var log = AccessLog(SamplingPlan(entries: 100))
    log.append(note(1, .miss))
    log.append(note(2, .miss))
    log.append(note(1, .stored, weight: 50))
    log.append(note(1, .stored, weight: 60))
    log.append(note(3, .hit, weight: 7))
    let records = log.sample().records
    #expect(records.map(\.kind) == [.loaded, .miss, .stored, .hit])
    #expect(records.map(\.weight) == [50, 1, 60, 7])
  }

  @Test func aKeyThatComesAllTheTimeDoesNotFillTheRing() {
    var log = AccessLog(SamplingPlan(entries: 100))
    for _ in 0..<1000 { log.append(note(7, .hit)) }
    let sample = log.sample()
    #expect(sample.records.count == 1 && sample.repeats[9] == 999)
  }

  @Test func theLogGrowsWithTheCache() {
    var log = AccessLog(SamplingPlan(entries: 100))
    for key in 0..<1500 {
      log.append(note(key, .hit))
      log.append(AccessNote(probe: 9))
    }
    log.turn(SamplingPlan(entries: 1000))
    let sample = log.sample()
    #expect(sample.records.map(\.key) == (1500 - 1024..<1500).map(key))
    for key in 1500..<4000 { log.append(note(key, .hit)) }
    #expect(log.sample().records.map(\.key) == (4000 - 2048..<4000).map(key))
    log.turn(SamplingPlan(entries: 100_000))
    #expect(log.sample().records.allSatisfy { $0.key < SamplingPlan(entries: 100_000).threshold })
  }

  /// A large log knows more bits of a key than a small one. Where it has notes of both kinds, it tells keys apart by those that are known of all.
  @Test func aLogThatHasGrownTellsMoreKeysApart() {
    func noted(_ number: Int, _ further: UInt32) -> AccessNote {
      AccessNote(key: key(number) | further << 2, kind: .hit, reuse: 9)
    }
    var log = AccessLog(SamplingPlan(entries: 5000))
    for number in 0..<4000 { log.append(noted(number, 1)) }
    #expect(log.sample().records.map(\.key) == (0..<4000).map(key))
    let larger = SamplingPlan(entries: 20_000)
    #expect(SamplingPlan(entries: 5000).capacity == 4096 && larger.capacity == 16_384)
    log.turn(larger)
    for number in 4000..<16_384 { log.append(noted(number, 2)) }
    #expect(log.sample().records.map(\.key) == (0..<16_384).map(key))
    // The last of the old notes is overwritten.
    for number in 0..<4000 { log.append(noted(number, 3)) }
    let last = (4000..<16_384).map { key($0) | 2 << 2 } + (0..<4000).map { key($0) | 3 << 2 }
    #expect(log.sample().records.map(\.key) == last)
  }

  /// Of a large cache few keys are sampled, whose upper bits are all the same: notes that know no others are of no use there.
  @Test(arguments: [262_144, 2_000_000, 20_000_000])
  func aLogOfALargeCacheTellsItsKeysApart(entries: Int) {
    var log = AccessLog(SamplingPlan(entries: 0))
    let plan = SamplingPlan(entries: entries)
    var random = Generator(state: 9)
    func note(_ count: Int) -> Int {
      var keys: Set<UInt32> = []
      for _ in 0..<count {
        let key = UInt32.random(in: 0..<plan.threshold, using: &random)
        keys.insert(key)
        log.append(AccessNote(key: key, kind: .miss))
      }
      return keys.count
    }
    // While it fills.
    for entries in [1000, 3000, 9000, 90_000, entries] {
      _ = note(1000)
      log.turn(SamplingPlan(entries: entries))
    }
    let noted = note(3000)
    log.turn(plan)
    let records = log.sample().records
    #expect(records.count >= 3000 && Set(records.suffix(3000).map(\.key)).count == noted)
  }

  @Test func tagsSayWhatBecameOfALookUp() {
    for reuse in 1..<UInt8(ReuseClass.count) {
      #expect(NoteTag.hit(reuse).reuse == reuse && NoteTag.hit(reuse).kind == .hit)
    }
    #expect(NoteTag.hit(0).reuse == 1 && NoteTag.hit(.max).reuse == UInt8(ReuseClass.count - 1))
    let others: [(NoteTag, AccessLog.Kind)] = [
      (.miss, .miss), (.loaded, .loaded), (.stored, .stored), (.removed, .removed),
    ]
    for (tag, kind) in others { #expect(tag.kind == kind && tag.reuse == ReuseClass.miss && tag.code < 64) }
  }

  @Test func countsOfClassesTakeMemoryAsClassesCome() {
    var counts = ClassCounts(parts: 4)
    #expect(counts[3].isEmpty)
    for (part, reuse) in [(0, 3), (1, 3), (3, 60), (3, 3)] { counts.add(part: part, reuse: reuse) }
    counts.merge(2, first: 1)
    // Parts 1 and 2, then 3 and 0.
    #expect(counts[0].map { $0 }[3] == 1 && counts[1].map { $0 }[3] == 2 && counts[1].map { $0 }[60] == 1)
    counts.scale(3)
    #expect(counts[1].reduce(0, +) == 9)
    counts.clear(part: 1)
    #expect(counts[1].reduce(0, +) == 0 && counts[0].reduce(0, +) == 3)
  }

  /// Parts that are no longer written to keep eight bits of a count: within a 250th of the greatest, and as many in all.
  @Test func countsOfOlderPartsTakeAByte() {
    var random = Generator(state: 8)
    var counts = ClassCounts(parts: 8)
    var model = [[Int]](repeating: [Int](repeating: 0, count: ReuseClass.count), count: 8)
    for round in 0..<20 {
      let part = round % 8
      counts.clear(part: part)
      model[part] = model[part].map { _ in 0 }
      for _ in 0..<(round * 400) {
        let reuse = Int(random.next() % 4 == 0 ? 0 : random.next() % UInt64(ReuseClass.count))
        counts.add(part: part, reuse: reuse)
        model[part][reuse] += 1
      }
      for part in 0..<8 where !counts[part].isEmpty {
        let found = counts[part].map { Int($0) }
        let greatest = model[part].max() ?? 0
        #expect(abs(found.reduce(0, +) - model[part].reduce(0, +)) <= greatest / 250 + 1)
        for (count, truth) in zip(found, model[part]) { #expect(abs(count - truth) <= greatest / 125 + 1) }
      }
    }
  }

  /// Copies of the same traffic: by threads that each have a buffer, nothing is lost but what waits.
  @Test func threadsNoteTogether() async {
    let cache = LocalCache<Int, Int>(name: "noted", limit: .entries(1000))
    for key in 0..<1000 { cache.set(key, for: key) }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask { for round in 0..<50 { for key in 0..<1000 { _ = cache.get((key + round) % 1000) } } }
      }
    }
    let curve = cache.missRatioCurve
    #expect(curve.requests > 1000 && curve.hitRatio(at: 1000) > 0.98)
  }

  /// A log that is full in less than a second is enough for that second; a young cache is watched all the time, and one that is used little as well.
  @Test func notesRestWhereTheyComeFast() {
    let second: UInt64 = 1_000_000_000
    func rest(_ pace: inout NotePace, at now: UInt64) -> Bool {
      for _ in 0..<100 { pace.note(isWritten: true) }
      return pace.isRestDue(capacity: 100, now: now)
    }
    var fast = NotePace()
    var now = 10 * second
    var rests: [Bool] = []
    for _ in 0..<5 {
      now += 1000
      rests.append(rest(&fast, at: now))
    }
    #expect(rests == [false, false, true, true, true])
    let isTooEarly = fast.isToGoOn(now: now)
    let isDue = fast.isToGoOn(now: now + second)
    #expect(!isTooEarly && isDue)
    var slow = NotePace()
    var slowRests: [Bool] = []
    for index in 1...5 { slowRests.append(rest(&slow, at: UInt64(index) * 2 * second)) }
    #expect(!slowRests.contains(true))
  }

  /// What is noted of a cache that has become larger since is as much as of one that was made so: without rests between.
  @Test func whatGrowsWhileNotesRestIsNotedAnew() async throws {
    let cells = ReaderCells(.large)
    defer { cells.deallocate() }
    let observer = AccessObserver(isOn: true, .large, cells: cells)
    let cache = CountedCache(100)
    observer.owner = cache
    var random = Generator(state: 5)
    func isResting() -> Bool { observer.threshold.load(ordering: .relaxed) == 0 }
    /// Writes of keys that are sampled, until notes rest.
    func write(atMost limit: Int) -> Int {
      var count = 0
      while count < limit, !isResting() {
        observer.stored(random.next() & 0xFF_FFFF_FFFF, weight: 1)
        count += 1
      }
      return count
    }
    let before = write(atMost: 100_000)
    #expect(before < 4 * SamplingPlan(entries: 100).capacity)
    cache.entries.withLock { $0 = 50_000 }
    try await Task.sleep(for: .milliseconds(1100))
    // Somebody has to come by, of many.
    observer.missed(1, number: 0)
    let wanted = SamplingPlan(entries: 50_000)
    let after = write(atMost: 100_000)
    #expect(after >= wanted.capacity, "\(after)")
    #expect(observer.sample().records.count == wanted.capacity)
  }

  /// At full speed most look-ups are not noted, and after a pause they are again. That holds for a small cache too, of which little is noted.
  @Test(arguments: [300, 1000]) func aCacheInFullUseIsStillDescribed(limit: Int) async throws {
    let cache = LocalCache<Int, Int>(name: "fast", limit: .entries(limit))
    var random = Generator(state: 12)
    func use(_ keys: Range<Int>, _ count: Int) {
      for _ in 0..<count {
        let key = Int.random(in: keys, using: &random)
        if cache.get(key) == nil { cache.set(key, for: key) }
      }
    }
    use(0..<2 * limit, 300_000)
    let before = cache.missRatioCurve.hitRatio(at: limit)
    #expect(abs(before - 0.5) < 0.06, "\(before)")
    try await Task.sleep(for: .milliseconds(1100))
    // All of it fits now.
    use(5000..<5000 + limit * 9 / 10, 300_000)
    let after = cache.missRatioCurve.hitRatio(at: limit)
    #expect(after > 0.9, "\(after)")
    #expect((cache.verdict.recentHitRatio ?? 0) > 0.9)
  }
}

/// A cache of which an observer needs nothing but the number of entries.
private final class CountedCache: ObservedCache {
  let entries: Guarded<Int>
  init(_ count: Int) { entries = Guarded(count) }
  var count: Int { entries.withLock { $0 } }
  func setSampling() {}
  func observerTurned() {}
}
