import HeapGraph
import Malloc
import ProcessImage
import Profile
import SamplerTable
import Timeline

/// Allocation stacks of a process that runs under the sampler.
enum SampledAllocations {
  /// Frames of a stack that are shown.
  private static let frames = 3

  /// - Parameter time: of CLOCK_MONOTONIC, before the image was taken. What was allocated later is not in the image.
  /// - Returns: nil where the process is not sampled, or its table cannot be read: the answer is then the same without stacks.
  static func read(_ image: ProcessImage, before time: UInt64, debugDirectories: [String]) -> AllocationStacks? {
    guard let pid = image.pid, let source = try? TableSource(pid: pid), let reader = try? TableReader(source),
      let table = try? reader.read(now: Clocks.monotonic)
    else { return nil }
    let blocks = table.blocks.filter { $0.time <= time }
    let wanted = Set(blocks.map(\.site))
    let sites = table.sites.filter { wanted.contains($0.index) }
    // Without source lines: the copy of the process waits, and costs it memory, until names are found.
    var profile = ProfileExport.stacks(of: sites, table)
    let symbolizer = FileSymbolizer(debugDirectories: debugDirectories, root: "/proc/\(pid)/root", wantsLines: false)
    _ = symbolizer.symbolize(&profile)
    guard let names = try? AllocationSites(profile) else { return nil }
    var texts: [String] = []
    var textOfSite: [Int: Int] = [:]
    for (sample, site) in sites.enumerated() {
      let stack = names.ownStack(ofSample: sample)
      guard !stack.isEmpty else { continue }
      textOfSite[site.index] = texts.count
      texts.append(stack.prefix(frames).joined(separator: " <- "))
    }
    let stacks = AllocationStacks(
      texts: texts,
      blocks: blocks.compactMap { block in
        textOfSite[block.site].map { (address: block.address, size: block.size, stack: $0) }
      })
    return stacks.isEmpty ? nil : stacks
  }
}
