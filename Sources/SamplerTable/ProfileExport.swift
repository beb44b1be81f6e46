import Profile

/// A table as a profile of pprof's model: addresses and mappings, no names yet.
public enum ProfileExport {
  /// Allocated and in use, as whole numbers nearest to the estimates. Labels: `thread` where only one was seen at a stack, `lifetime`,
  /// and for what is in use by more than one thread a sample each.
  public static func profile(of table: SamplerTable) -> Profile {
    var builder = ProfileBuilder(sampleTypes: Profile.heapSampleTypes)
    builder.profile.defaultSampleType = "inuse_space"
    // Runtime and allocator stand between a program and its memory; pprof, too, folds what the profile says.
    builder.profile.dropFrames = RuntimeFunctions.dropFrames
    builder.profile.periodType = Profile.ValueType("space", "bytes")
    builder.profile.period = Int64(clamping: table.header.interval)
    builder.profile.timeNanoseconds = Int64(clamping: endTime(table))
    if let span = duration(table) { builder.profile.durationNanoseconds = Int64(clamping: span) }
    builder.profile.comments = comments(table)
    let mappings = mappings(table, &builder)
    let blocks = Dictionary(grouping: table.blocks, by: \.site)
    for site in table.sites {
      let stack = site.frames.map { frame in
        let module = table.module(containing: frame.lookupAddress)
        return builder.location(address: frame.lookupAddress, mapping: module.flatMap { mappings[$0] })
      }
      for sample in samples(site, blocks[site.index] ?? [], table) {
        builder.add(stack: stack, values: sample.values, labels: sample.labels)
      }
    }
    return builder.profile
  }

  /// These sites' stacks alone: a sample for each, in their order, without values.
  public static func stacks(of sites: [SamplerTable.Site], _ table: SamplerTable) -> Profile {
    var builder = ProfileBuilder(sampleTypes: [])
    let mappings = mappings(table, &builder)
    for site in sites {
      let stack = site.frames.map { frame in
        let module = table.module(containing: frame.lookupAddress)
        return builder.location(address: frame.lookupAddress, mapping: module.flatMap { mappings[$0] })
      }
      builder.add(stack: stack, values: [])
    }
    return builder.profile
  }

  private struct Row {
    var values: [Int64]
    var labels: [ProfileBuilder.Label]
  }

  /// What was allocated, and what is in use by thread.
  private static func samples(_ site: SamplerTable.Site, _ blocks: [SamplerTable.Block], _ table: SamplerTable) -> [Row]
  {
    let lifetime = ProfileBuilder.Label.text("lifetime", Lifetime.of(site).name)
    let allocated = [site.allocatedCount, site.allocatedBytes].map { whole($0.value) }
    if let thread = site.thread {
      let live = [site.inUseCount, site.inUseBytes].map { whole($0.value) }
      return [Row(values: allocated + live, labels: threadLabels(thread, table) + [lifetime])]
    }
    let threads = Dictionary(grouping: blocks, by: \.thread).sorted { $0.key < $1.key }
    var rows = [Row(values: allocated + [0, 0], labels: [lifetime])]
    for (thread, blocks) in threads {
      let count = blocks.reduce(0) { $0 + $1.weight }
      let bytes = blocks.reduce(0) { $0 + $1.weight * Double($1.size) }
      rows.append(Row(values: [0, 0, whole(count), whole(bytes)], labels: threadLabels(thread, table) + [lifetime]))
    }
    return rows
  }

  private static func threadLabels(_ index: Int, _ table: SamplerTable) -> [ProfileBuilder.Label] {
    guard index > 0, table.threads.indices.contains(index) else { return [] }
    let thread = table.threads[index]
    return [.text("thread", thread.name.isEmpty ? "thread \(thread.id)" : thread.name)]
  }

  /// The executable first: it counts as the main binary.
  private static func mappings(_ table: SamplerTable, _ builder: inout ProfileBuilder) -> [Int: Int] {
    var result: [Int: Int] = [:]
    let order = table.modules.indices.sorted { left, _ in table.modules[left].isExecutable }
    for index in order {
      let module = table.modules[index]
      result[index] = builder.mapping(
        start: module.text.lowerBound, limit: module.text.upperBound, fileOffset: module.textOffset, file: module.path,
        buildID: module.buildID)
    }
    return result
  }

  private static func comments(_ table: SamplerTable) -> [String] {
    let header = table.header
    var result = ["memwhy: \(header.program), pid \(header.pid), one sample in \(header.interval) bytes"]
    if header.lostBlocks > 0 { result.append("\(header.lostBlocks) sampled blocks found no room: in use is too low") }
    if header.lostSites > 0 { result.append("\(header.lostSites) samples have no stack: the table was full") }
    if header.flags.contains(.noUnwinder) { result.append("no frame pointers and no unwinder: stacks are cut") }
    return result
  }

  private static func endTime(_ table: SamplerTable) -> UInt64 {
    table.header.startRealtime &+ (duration(table) ?? 0)
  }

  private static func duration(_ table: SamplerTable) -> UInt64? {
    let header = table.header
    let last = max(header.lastNanoseconds, table.points.last?.monotonic ?? 0)
    return last > header.startNanoseconds ? last - header.startNanoseconds : nil
  }

  private static func whole(_ value: Double) -> Int64 { Int64(min(max(value, 0), 9e18).rounded()) }
}
