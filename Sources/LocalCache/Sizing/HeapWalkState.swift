#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a walk over a value has found so far.
struct HeapWalkState: ~Copyable {
  private(set) var bytes = 0
  /// Holes before the counted blocks, where they are wanted.
  private(set) var holes = GlibcChunk.Hole()
  let measuresHoles: Bool
  /// A walk over values that have been in use for a while: it does not go into objects of classes, which may be changing under a lock of their own, nor ask
  /// types for their sizes. Storage of containers does not change while a copy is held.
  let staysOutside: Bool
  /// Addresses of blocks that were counted: a block that is reached twice counts once.
  private(set) var seen = AddressSet()
  let elementsMeasured: Int
  /// How often an object was met again that was counted before.
  private var meetings = 0
  private let baseline: SizeBaseline?
  /// Values nest; a list of a million objects must not use up the stack. From half of this depth on objects wait until the stack is short again.
  private var depth = 0
  private static let deepest = 512
  private var waiting: [(object: UnsafeRawPointer, plan: TypePlan, isBelowGuard: Bool)] = []
  /// Whether what is walked now was reached through an object that guards its state against other threads.
  private(set) var isBelowGuard = false
  private let mostBlocks: Int

  /// - Parameters:
  ///   - staysOutside: nil: if it measures holes.
  ///   - mostBlocks: how many blocks count. An entry that leads to all of a service would be walked for seconds; so many take some milliseconds.
  init(
    elementsMeasured: Int, baseline: SizeBaseline? = nil, measuresHoles: Bool = false, staysOutside: Bool? = nil,
    mostBlocks: Int = 1 << 17
  ) {
    self.mostBlocks = mostBlocks
    self.measuresHoles = measuresHoles
    self.staysOutside = staysOutside ?? measuresHoles
    self.elementsMeasured = elementsMeasured
    self.baseline = baseline
  }

  /// Goes one level down, to what a value refers to. False if that is too deep; `ascend` ends it otherwise.
  mutating func descend() -> Bool {
    guard depth < Self.deepest else { return false }
    depth += 1
    return true
  }

  mutating func ascend() { depth -= 1 }

  /// Whether the stack is so long that objects have to wait.
  var isDeep: Bool { depth >= Self.deepest / 2 }

  /// Walks an object that was entered, or what lies in a box: now or, where the stack is long, later. The address has to be good until `finish`.
  mutating func walk(_ object: UnsafeRawPointer, _ plan: TypePlan) {
    guard !isDeep else { return waiting.append((object, plan, isBelowGuard)) }
    walkNow(object, plan)
  }

  private mutating func walkNow(_ object: UnsafeRawPointer, _ plan: TypePlan) {
    let before = isBelowGuard
    if plan.guarding == .itself { isBelowGuard = true }
    plan.walk(object, &self)
    isBelowGuard = before
  }

  /// Walks what had to wait. The end of each walk.
  mutating func finish() {
    while let next = waiting.popLast() {
      isBelowGuard = next.isBelowGuard
      walkNow(next.object, next.plan)
    }
    isBelowGuard = false
  }

  /// Counts the block of an object, or of a box with the header of one.
  mutating func enter(object: UnsafeRawPointer) -> Bool {
    if enter(UInt(bitPattern: object), size: Self.blockSize(object)) { return true }
    if !Self.isPartOfProgram(object) { meetings &+= 1 }
    return false
  }

  /// Counts a block. False if it was counted before, or belongs to the baseline: then what it refers to is not walked either.
  ///
  /// - Parameter isMallocs: whether the block is certainly malloc's, so that what lies before it may be looked at.
  mutating func enter(_ address: UInt, size: @autoclosure () -> Int, isMallocs: Bool = true) -> Bool {
    guard address != 0, seen.count < mostBlocks, seen.insert(address) else { return false }
    if let baseline, baseline.contains(address) { return false }
    let size = size()
    add(size)
    if measuresHoles, isMallocs, size > 0, let block = UnsafeRawPointer(bitPattern: address) {
      holes += GlibcChunk.hole(before: block)
    }
    return true
  }

  /// Counts more bytes. Types may say anything of themselves: the sum stays a number that can be reckoned with.
  mutating func add(_ count: Int) {
    let (sum, isTooMuch) = bytes.addingReportingOverflow(max(0, count))
    bytes = isTooMuch ? Self.most : min(sum, Self.most)
  }

  /// Looks at elements spread over a container, which stand for all of them.
  ///
  /// What elements share is found by the first of them, and must not be taken to come with each of the others too. So where a block is met twice, as
  /// many elements again are looked at, up to sixteen times as many as otherwise, until one round finds as much new as the one before did; what the last
  /// round found stands for the rest.
  mutating func sample(of count: Int, _ look: (Int, inout HeapWalkState) -> Void) {
    guard count > elementsMeasured else {
      for index in 0..<max(0, count) { look(index, &self) }
      return
    }
    var places = SpreadPlaces(count: count)
    let meetings = meetings
    var measured = 0
    var round = elementsMeasured
    var before = (bytes: 0, holes: GlibcChunk.Hole())
    var rate = 0.0
    while true {
      before = (bytes, holes)
      for _ in 0..<round { look(places.next() ?? 0, &self) }
      measured += round
      let rateBefore = rate
      rate = Double(bytes - before.bytes) / Double(round)
      let isSettled = measured > round && abs(rate - rateBefore) <= rateBefore * Self.settled
      let isShared = self.meetings != meetings
      guard isShared, !isSettled, measured / Self.mostRounds < elementsMeasured, measured < count else { break }
      round = min(measured, count - measured)
    }
    extrapolate(since: before, by: Double(count - measured) / Double(round))
  }

  /// How near two rounds have to be to each other.
  private static let settled = 0.01
  /// Elements of a container that are looked at where they share blocks, for each that is otherwise.
  private static let mostRounds = 16

  /// Takes what has been found since a moment to stand for `factor` times as much again.
  private mutating func extrapolate(since before: (bytes: Int, holes: GlibcChunk.Hole), by factor: Double) {
    func more(_ now: Int, _ then: Int) -> Int { Int(min(Double(now - then) * factor, Double(Self.most))) }
    holes += .init(bytes: more(holes.bytes, before.holes.bytes), pages: more(holes.pages, before.holes.pages))
    add(more(bytes, before.bytes))
  }

  private static let most = Int.max / 8

  /// The block of a Swift object: what malloc gave for it, and malloc's own word. 0 for objects that the compiler laid out in the program.
  static func blockSize(_ object: UnsafeRawPointer) -> Int {
    if isPartOfProgram(object) { return 0 }
    // Objects that something refers to weakly have a side table, of four words.
    return blockSize(ofMemory: object) + (hasSideTable(object) ? blockSize(ofBytes: 32) : 0)
  }

  /// RefCount.h: the low 32 bits of an immortal object's count are all ones, unless the word refers to a side table.
  private static func isPartOfProgram(_ object: UnsafeRawPointer) -> Bool {
    !hasSideTable(object) && object.load(fromByteOffset: 8, as: UInt32.self) == .max
  }

  private static func hasSideTable(_ object: UnsafeRawPointer) -> Bool {
    object.load(fromByteOffset: 8, as: UInt64.self) >> 62 == 3
  }

  /// The same of memory that was asked of malloc for anything else.
  static func blockSize(ofMemory memory: UnsafeRawPointer) -> Int {
    guard let usableSize = Self.usableSize else { return 0 }
    return usableSize(memory) + MemoryLayout<Int>.size
  }

  /// What malloc takes for so many bytes: a word of its own, in steps of 16 and 32 at least ("request2size" in glibc's malloc/malloc.c).
  static func blockSize(ofBytes count: Int) -> Int {
    max(32, (min(max(0, count), most) + MemoryLayout<Int>.size + 15) & ~15)
  }

  /// `malloc_usable_size` of whatever allocator the program runs with. Looked up by name: the modules of the C library do not declare it.
  private static let usableSize: (@convention(c) (UnsafeRawPointer) -> Int)? = {
    guard let symbol = dlsym(nil, "malloc_usable_size") else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) (UnsafeRawPointer) -> Int).self)
  }()
}
