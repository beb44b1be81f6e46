import HeapGraph
import ProcessImage
import Profile
import Reports
import SamplerTable
import Timeline

/// What the sampler of a process knows of its allocations, for a report about its heap.
///
/// Names and lines are found before the process is stopped or copied: they take longer than all the rest. Afterwards the table is read once
/// more, for what is in use at the instant of the image.
struct SampledAllocations {
  private let source: TableSource
  private let symbolizer: FileSymbolizer
  /// By site: its stack in words.
  private var texts: [Int: String]

  /// Frames of a stack that are shown.
  private static let frames = 3

  /// - Returns: nil where the process is not sampled, or its table cannot be read: answers are then the same without stacks.
  init?(of target: AnalysisRequest.Target, debugDirectories: [String], progress: Progress) {
    guard case .process(let pid) = target, let source = try? TableSource(pid: pid), let table = Self.read(source) else {
      return nil
    }
    progress.update("naming allocations")
    self.source = source
    let root = Procfs.folder(of: pid) + "/root"
    symbolizer = FileSymbolizer(debugDirectories: debugDirectories, root: root)
    texts = [:]
    texts = Self.texts(table.sites.filter { $0.liveSamples > 0 }, table, symbolizer)
  }

  private static func read(_ source: TableSource) -> SamplerTable? {
    guard let reader = try? TableReader(source) else { return nil }
    return try? reader.read(now: Clocks.monotonic)
  }

  private static func texts(
    _ sites: [SamplerTable.Site], _ table: SamplerTable, _ symbolizer: FileSymbolizer
  ) -> [Int: String] {
    var profile = ProfileExport.stacks(of: sites, table)
    _ = symbolizer.symbolize(&profile)
    guard let names = try? AllocationSites(profile) else { return [:] }
    var texts: [Int: String] = [:]
    for (sample, site) in sites.enumerated() {
      let stack = names.ownStack(ofSample: sample).prefix(frames)
      if !stack.isEmpty { texts[site.index] = stack.joined(separator: " <- ") }
    }
    return texts
  }

  /// Where blocks were allocated that may be in an image.
  ///
  /// - Parameter time: of CLOCK_MONOTONIC, before the image was taken. What was allocated later is not in it.
  /// - Returns: nil where nothing is known.
  func stacks(before time: UInt64) -> AllocationStacks? {
    guard let table = Self.read(source) else { return nil }
    var numbers: [String: Int] = [:]
    var list: [String] = []
    let blocks = table.blocks.compactMap { block -> (address: UInt64, size: UInt64, stack: Int)? in
      guard block.time <= time, let text = texts[block.site] else { return nil }
      let number = numbers[text] ?? list.count
      if number == list.count {
        numbers[text] = number
        list.append(text)
      }
      return (block.address, block.size, number)
    }
    let stacks = AllocationStacks(texts: list, blocks: blocks)
    return stacks.isEmpty ? nil : stacks
  }

  /// What is in use now, by stack. For when the image is gone: names take their time.
  func tree() -> ReportModel.Tree? {
    guard let table = Self.read(source) else { return nil }
    var profile = ProfileExport.profile(of: table)
    _ = symbolizer.symbolize(&profile)
    return try? ReportModel.Tree(profile)
  }
}
