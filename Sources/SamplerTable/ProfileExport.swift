import Measurement
import Profile

/// A table as a profile of pprof's model: addresses and mappings, no names yet.
public enum ProfileExport {
  /// Allocated and in use, as whole numbers nearest to the estimates. Labels: `lifetime`; `thread` and `task`, its name, where only one was
  /// seen at a stack. Where there were several, what is in use has a sample for each.
  public static func profile(of table: SamplerTable) -> Profile {
    var builder = builder(Profile.heapSampleTypes, table)
    let mappings = mappings(table, &builder)
    let blocks = Dictionary(grouping: table.blocks, by: \.site)
    for site in table.sites {
      let stack = stack(site, table, mappings, &builder)
      for sample in samples(site, blocks[site.index] ?? [], table) {
        builder.add(stack: stack, values: sample.values, labels: sample.labels)
      }
    }
    return builder.profile
  }

  /// Some of the table's live blocks: `inuse_objects` and `inuse_space` alone.
  public static func profile(of blocks: [SamplerTable.Block], in table: SamplerTable) -> Profile {
    var builder = builder(
      [Profile.ValueType("inuse_objects", "count"), Profile.ValueType("inuse_space", "bytes")], table)
    let mappings = mappings(table, &builder)
    let bySite = Dictionary(grouping: blocks, by: \.site)
    for site in table.sites {
      guard let blocks = bySite[site.index] else { continue }
      let stack = stack(site, table, mappings, &builder)
      for row in live(site, blocks, table) { builder.add(stack: stack, values: row.values, labels: row.labels) }
    }
    return builder.profile
  }

  /// These sites' stacks alone: a sample for each, in their order, without values.
  public static func stacks(of sites: [SamplerTable.Site], _ table: SamplerTable) -> Profile {
    var builder = ProfileBuilder(sampleTypes: [])
    let mappings = mappings(table, &builder)
    for site in sites { builder.add(stack: stack(site, table, mappings, &builder), values: []) }
    return builder.profile
  }

  private static func builder(_ types: [Profile.ValueType], _ table: SamplerTable) -> ProfileBuilder {
    var builder = ProfileBuilder(sampleTypes: types)
    builder.profile.defaultSampleType = "inuse_space"
    // Runtime and allocator stand between a program and its memory; pprof, too, folds what the profile says.
    builder.profile.dropFrames = RuntimeFunctions.dropFrames
    builder.profile.periodType = Profile.ValueType("space", "bytes")
    builder.profile.period = Int64(clamping: table.header.interval)
    builder.profile.timeNanoseconds = Int64(clamping: endTime(table))
    if let span = duration(table) { builder.profile.durationNanoseconds = Int64(clamping: span) }
    builder.profile.comments = comments(table)
    return builder
  }

  private static func stack(
    _ site: SamplerTable.Site, _ table: SamplerTable, _ mappings: [Int: Int], _ builder: inout ProfileBuilder
  ) -> [Int] {
    site.frames.map { frame in
      let module = table.module(containing: frame.lookupAddress)
      return builder.location(address: frame.lookupAddress, mapping: module.flatMap { mappings[$0] })
    }
  }

  private struct Row {
    var values: [Int64]
    var labels: [ProfileBuilder.Label]
  }

  /// What was allocated, and what is in use by thread and task.
  private static func samples(_ site: SamplerTable.Site, _ blocks: [SamplerTable.Block], _ table: SamplerTable) -> [Row]
  {
    let allocated = [site.allocatedCount, site.allocatedBytes].map { whole($0.value) }
    let common = labels(site, thread: site.thread, task: site.task, table)
    if site.thread != nil, site.task != nil {
      return [Row(values: allocated + [site.inUseCount, site.inUseBytes].map { whole($0.value) }, labels: common)]
    }
    return [Row(values: allocated + [0, 0], labels: common)]
      + live(site, blocks, table).map { Row(values: [0, 0] + $0.values, labels: $0.labels) }
  }

  private struct Owner: Hashable {
    var thread, task: Int
  }

  /// What is in use, by thread and task.
  private static func live(_ site: SamplerTable.Site, _ blocks: [SamplerTable.Block], _ table: SamplerTable) -> [Row] {
    Dictionary(grouping: blocks) { Owner(thread: $0.thread, task: $0.task) }
      .sorted { ($0.key.thread, $0.key.task) < ($1.key.thread, $1.key.task) }.map { owner, blocks in
        let count = blocks.reduce(0) { $0 + $1.weight }
        let bytes = blocks.reduce(0) { $0 + $1.weight * Double($1.size) }
        return Row(
          values: [whole(count), whole(bytes)], labels: labels(site, thread: owner.thread, task: owner.task, table))
      }
  }

  private static func labels(
    _ site: SamplerTable.Site, thread: Int?, task: Int?, _ table: SamplerTable
  ) -> [ProfileBuilder.Label] {
    var result: [ProfileBuilder.Label] = []
    if let index = thread, index > 0, table.threads.indices.contains(index) {
      let thread = table.threads[index]
      result.append(.text("thread", thread.name.isEmpty ? "thread \(thread.id)" : thread.name))
    }
    if let index = task, table.taskNames.indices.contains(index), !table.taskNames[index].isEmpty {
      result.append(.text("task", table.taskNames[index]))
    }
    return result + [.text("lifetime", Lifetime.of(site).name)]
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
    if header.flags.contains(.ownNew) { result.append("what C++ allocates with operator new is not sampled") }
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

  private static func whole(_ value: Double) -> Int64 { Int64(clamping: value.rounded().saturatedAmount) }
}
