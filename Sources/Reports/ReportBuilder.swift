import HeapGraph
import Malloc
import ProcessImage
import SwiftMetadata

/// The bridge from the graph's results to the report's own model, the only file that knows both.
extension ReportModel {
  /// - Parameters:
  ///   - corePath: the core file that the image was read from.
  ///   - remarks: what the steps before the analysis skipped, in sentences.
  public init(
    tool: Tool, verb: String, image: ProcessImage, analysis: HeapAnalysis, corePath: String? = nil,
    remarks: [String] = [], phases: [Phase] = []
  ) {
    let leaks: Leaks
    if let groups = analysis.leaks {
      leaks = Leaks(groups: groups.map(LeakGroup.init))
    } else {
      leaks = .notJudged(analysis.leaksNotJudged ?? "the heap could not be walked exactly")
    }
    self.init(
      tool: tool, verb: verb,
      target: Target(
        source: Target.Source(image.source), pid: image.pid, name: image.name, corePath: corePath,
        threads: image.threads.count),
      freeze: image.freeze.map(Freeze.init), heap: Heap(analysis), census: analysis.census.map(CensusRow.init),
      leaks: leaks, remarks: remarks + analysis.heap.walk.remarks + analysis.remarks, phases: phases)
  }
}

extension ReportModel.Target.Source {
  init(_ source: ProcessImage.Source) {
    switch source {
    case .frozen: self = .frozen
    case .stopped: self = .stopped
    case .running: self = .running
    case .core, .bytes: self = .core
    }
  }
}

extension ReportModel.Freeze {
  init(_ report: FreezeReport) {
    self.init(
      predictedPauseNanoseconds: report.predictedPause, measuredPauseNanoseconds: report.measuredPause,
      threads: report.threadCount, retries: report.retries, notes: report.notes)
  }
}

extension ReportModel.Heap {
  init(_ analysis: HeapAnalysis) {
    let walk = analysis.heap.walk
    let untyped = analysis.census.filter { $0.type.hasPrefix("malloc(") }.reduce(0) { $0 + $1.count }
    let counted = analysis.census.reduce(0) { $0 + $1.count }
    self.init(
      allocator: walk.allocator, isExact: walk.isExact, blocks: UInt64(counted),
      bytes: analysis.census.reduce(0) { $0 + $1.bytes }, typedBlocks: UInt64(counted - untyped),
      freeBytes: walk.arenas.reduce(0) { $0 + $1.freeBytes + $1.topBytes },
      arenas: walk.arenas.map(ReportModel.Arena.init),
      checks: walk.checks.map { ReportModel.Check(name: $0.name, expected: $0.expected, found: $0.found) })
  }
}

extension ReportModel.Arena {
  init(_ arena: HeapWalk.Arena) {
    self.init(
      address: "0x" + String(arena.address, radix: 16), isMain: arena.isMain, systemBytes: arena.systemBytes,
      liveBlocks: UInt64(arena.liveBlocks), liveBytes: arena.liveBytes, freeBytes: arena.freeBytes,
      topBytes: arena.topBytes, isLocked: arena.isLocked)
  }
}

extension ReportModel.CensusRow {
  init(_ row: HeapGraph.CensusRow) {
    self.init(
      type: row.type, kind: row.type.hasPrefix("malloc(") ? "unknown" : row.kind.rawValue, count: UInt64(row.count),
      bytes: row.bytes)
  }
}

extension ReportModel.LeakGroup {
  init(_ group: HeapGraph.LeakGroup) {
    let steps = group.steps
    let edges =
      group.kind == .cycle || (group.kind == .native && steps.count > 1)
      ? steps.indices.map { index in
        ReportModel.Edge(
          source: steps[index].type, field: steps[index].field, target: steps[(index + 1) % steps.count].type,
          isClosure: steps[index].isClosure, isOwn: steps[index].isOwn)
      } : []
    self.init(
      kind: Kind(group.kind), certainty: ReportModel.Certainty(group.confidence),
      type: steps.first?.type ?? group.title, instances: UInt64(group.instances), blocks: UInt64(group.blocks),
      bytes: group.bytes, edges: edges,
      evidence: [group.waitsFor].compactMap { $0.map { "waits there in \($0)" } }
        + group.waitsIn.dropFirst().map { "awaited by \($0)" } + group.allocatedIn.map(\.text),
      waitsIn: group.waitsIn.first,
      members: group.contents.map {
        ReportModel.CensusRow(type: $0.type, kind: $0.kind.rawValue, count: UInt64($0.count), bytes: $0.bytes)
      },
      exampleAddresses: group.examples.map { "0x" + String($0, radix: 16) })
    library = group.library
    waitsFor = group.waitsFor
    isFollowed = group.isFollowed ? nil : false
  }
}

extension ReportModel.LeakGroup.Kind {
  init(_ kind: HeapGraph.LeakGroup.Kind) {
    switch kind {
    case .cycle: self = .cycle
    case .lostTask: self = .lostTask
    case .chain: self = .chain
    case .native: self = .native
    }
  }
}

extension ReportModel.Certainty {
  init(_ confidence: HeapGraph.LeakGroup.Confidence) {
    switch confidence {
    case .possible: self = .possible
    case .likely: self = .likely
    case .certain: self = .certain
    }
  }
}
