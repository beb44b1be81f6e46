import Malloc
import Measurement
import ProcessImage

/// Memory that an inspection may take, and what of it fits in.
///
/// Near its limit a service has little room left, and a tool in the same container, or on the same host, has no more. What takes too much
/// is left out then. There are three sizes: everything, everything but who holds what, and only which types fill the heap.
public struct InspectionRoom: Sendable, Hashable {
  /// In bytes.
  public var bytes: UInt64
  /// Whose memory it is, and what to do for more: for sentences.
  public var place, advice: String
  /// The room has gone once already, during an earlier attempt: only counting is tried again.
  public var isSpent: Bool

  public init(bytes: UInt64, place: String, advice: String, isSpent: Bool = false) {
    self.bytes = bytes
    self.place = place
    self.advice = advice
    self.isSpent = isSpent
  }

  /// How much of an inspection is made.
  enum Extent: Hashable {
    /// What was asked for.
    case whole
    /// Leaks on packed blocks (`PackedHeap`), but not who holds what.
    case packed
    /// Blocks by type.
    case census
  }

  /// What `leaks` takes for the smallest heap; for each block (35 bytes were measured); and for each where it is to be told who holds what
  /// (94 to 137 bytes). In bytes; docs/performance.md.
  private static let least: UInt64 = 8 << 20
  private static let leaksPerBlock: UInt64 = 40
  private static let holdersPerBlock: UInt64 = 140
  /// No allocator's blocks are smaller, its own words among them.
  private static let smallestBlock: UInt64 = 32

  private static func need(_ blocks: Int, holders: Bool) -> UInt64 {
    least &+ UInt64(blocks) &* (holders ? holdersPerBlock : leaksPerBlock)
  }

  /// Whether there is room whatever the blocks of this image are. O(mappings).
  func isAmple(for image: ProcessImage, holders: Bool) -> Bool {
    let most = image.mappings.reduce(UInt64(0)) { $1.isAnonymous ? $0 &+ min($1.size, 1 << 46) : $0 }
    return !isSpent && Self.need(Int(clamping: most / Self.smallestBlock), holders: holders) <= bytes
  }

  /// - Parameter canPack: what is asked for are leaks, and the image can tell them.
  func extent(_ extents: BlockExtents, holders: Bool, canPack: Bool) -> Extent {
    if isSpent { return .census }
    if Self.need(extents.count, holders: holders) <= bytes { return .whole }
    return canPack && packing(PackedHeap.need(extents)) ? .packed : .census
  }

  private func packing(_ need: UInt64) -> Bool { Self.least &+ need <= bytes }

  /// What is left for the references among unreachable blocks, beside the tables of so many blocks. Who holds what is found later, when these are gone.
  func graphBytes(blocks: Int) -> UInt64 {
    let need = Self.need(blocks, holders: false)
    return bytes > need ? bytes - need : 0
  }

  /// What is left for packed blocks.
  var packingBytes: UInt64 { bytes > Self.least ? bytes - Self.least : 0 }

  /// Why it is not said who holds what, in a sentence.
  func shortage(blocks: Int, holders: Bool) -> String { shortage(Self.need(blocks, holders: holders)) }

  /// Why leaks were not looked for, in a sentence.
  func shortage(packing extents: BlockExtents, _ survey: HeapSurvey) -> String {
    shortage(min(Self.least &+ PackedHeap.need(extents, survey), Self.need(extents.count, holders: false)))
  }

  /// Why leaks were not found although there was room at the beginning, in a sentence.
  var lost: String {
    "the memory for it, or the copy of the process, went meanwhile: \(place) has hardly any to spare; \(advice)"
  }

  private func shortage(_ need: UInt64) -> String {
    if isSpent { return lost }
    return "that takes memwhy some \(ByteCount(need)), and \(place) has \(ByteCount(bytes)) to spare; \(advice)"
  }
}
