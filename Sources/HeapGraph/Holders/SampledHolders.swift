import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// Who holds what fills the heap, where there is no room for the graph of references: some blocks of each type that has much of the memory are
/// followed back to the roots.
///
/// Each pass over the heap finds who refers to the blocks of the last one, and reads blocks of those types only that marking has seen to refer to
/// theirs (`TypeEdges`). A path is a shortest one; each block of a sample stands for as many of its type as were not looked at. Passes, blocks and
/// referrers of one block are bounded, so memory is some megabytes whatever the heap. O(passes x (blocks + references of the types that are read)), and no more blocks are read
/// than in four passes over all of them.
public struct SampledHolders {
  /// As the whole analysis would give it, with estimates for numbers.
  public let report: HolderReport
  /// Blocks that were followed, and those of which a root was found.
  public let sampled: Int
  public let followed: Int
  /// All blocks of their types.
  public let population: Int

  /// Types with a smaller share of the reachable bytes are left out.
  private static let smallestShare = 0.01
  private static let mostTypes = 16
  private static let samplesOfType = 256
  private static let mostPasses = 24
  private static let mostBlocksInPass = 8192

  /// - Throws: `HoldersError.notMarked` where the analysis has nothing to sample; `MemoryError`.
  public init(
    analysis: HeapAnalysis, image: ProcessImage, symbols: any SymbolSource, progress: ((Double) -> Void)? = nil
  ) throws {
    guard let sampling = analysis.sampling else {
      throw HoldersError.notMarked(analysis.shortage ?? analysis.leaksNotJudged ?? "the heap was not marked")
    }
    let references = sampling.references
    let names = RootNames(references, image: image, symbols: symbols)
    let labels = EdgeLabels(
      heap: references.heap, frames: AsyncFrameTable(references), taskLocals: TaskLocalNames(references, names),
      cases: EnumCases(heap: references.heap, memory: references.memory))
    let samples = Samples(
      references, smallestShare: Self.smallestShare, mostTypes: Self.mostTypes, perType: Self.samplesOfType)
    var search = BackwardSearch(references, sampling.edges, names, samples.blocks, mustStop: sampling.mustStop)
    for pass in 0..<Self.mostPasses where !search.isExhausted {
      guard try search.goBack(mostBlocks: Self.mostBlocksInPass) else { break }
      if pass == 0 { try search.enterLists() }
      progress?(Double(pass + 1) / Double(Self.mostPasses))
    }
    search.settle()
    var tree = SampledTree(references, names: names, labels: labels)
    var followed = 0
    for sample in samples.all {
      guard let path = search.path(to: sample.block) else { continue }
      followed += 1
      tree.add(path, standsFor: sample.weight, bytes: sample.bytes)
    }
    self.followed = followed
    sampled = samples.all.count
    population = samples.population
    report = try tree.report(reachableBytes: samples.reachableBytes, reachableBlocks: samples.reachableBlocks)
  }
}

/// Blocks of the types that have most of the reachable memory, spread evenly over the blocks of each.
private struct Samples {
  struct Sample {
    var block: Int
    /// Blocks of its type for which it stands, and their bytes.
    var weight: Double
    var bytes: Double
  }

  private(set) var all: [Sample] = []
  private(set) var population = 0
  private(set) var reachableBytes: UInt64 = 0
  private(set) var reachableBlocks = 0

  var blocks: [Int] { all.map(\.block) }

  /// Two passes over the table, none over memory.
  init(_ references: HeapReferences, smallestShare: Double, mostTypes: Int, perType: Int) {
    let heap = references.heap
    var counts = [Int](repeating: 0, count: heap.types.count)
    var bytes = [UInt64](repeating: 0, count: heap.types.count)
    var cursor = BlockCursor()
    for block in 0..<heap.blocks.count where references.marked.contains(block) {
      let type = heap.typeIndex(block)
      counts[type] += 1
      bytes[type] &+= heap.blocks.extent(block, &cursor).size
    }
    reachableBytes = bytes.reduce(0, &+)
    reachableBlocks = counts.reduce(0, +)
    let least = Double(reachableBytes) * smallestShare
    let chosen = heap.types.indices.filter { counts[$0] > 0 && Double(bytes[$0]) >= least }
      .sorted { (bytes[$0], $1) > (bytes[$1], $0) }.prefix(mostTypes)
    var isChosen = [Bool](repeating: false, count: heap.types.count)
    for type in chosen { isChosen[type] = true }
    var seen = [Int](repeating: 0, count: heap.types.count)
    for block in 0..<heap.blocks.count where references.marked.contains(block) {
      let type = heap.typeIndex(block)
      guard isChosen[type] else { continue }
      let wanted = min(perType, counts[type])
      let (before, now) = (seen[type] * wanted / counts[type], (seen[type] + 1) * wanted / counts[type])
      seen[type] += 1
      if now > before {
        all.append(
          Sample(
            block: block, weight: Double(counts[type]) / Double(wanted), bytes: Double(bytes[type]) / Double(wanted)))
      }
    }
    population = chosen.reduce(0) { $0 + counts[$1] }
  }
}
