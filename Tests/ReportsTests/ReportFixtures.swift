import Reports

/// Reports that a golden is made of. Invented, but shaped like real ones.
enum ReportFixtures {
  static let tool = ReportModel.Tool(version: "0.0.0")

  static let exactHeap = ReportModel.Heap(
    allocator: "glibc 2.36", isExact: true, blocks: 377_123, bytes: 57_671_680, typedBlocks: 373_730,
    freeBytes: 4_194_304,
    arenas: [
      ReportModel.Arena(
        address: "0x7f2a14bd3c60", isMain: true, systemBytes: 60_817_408, liveBlocks: 370_001, liveBytes: 56_623_104,
        freeBytes: 3_145_728, topBytes: 131_072, isLocked: false),
      ReportModel.Arena(
        address: "0x7f2a0c000030", isMain: false, systemBytes: 2_097_152, liveBlocks: 7_122, liveBytes: 1_048_576,
        freeBytes: 917_504, topBytes: 65_536, isLocked: true),
    ],
    checks: [
      ReportModel.Check(name: "system_mem of arena 0x7f2a14bd3c60", expected: 60_817_408, found: 60_817_408),
      ReportModel.Check(name: "mmapped chunks", expected: 2, found: 2),
    ])

  static let census = [
    ReportModel.CensusRow(
      type: "_DictionaryStorage<String, Meta>", kind: "dictionaryStorage", count: 100_000, bytes: 41_600_000),
    ReportModel.CensusRow(type: "__StringStorage", kind: "stringStorage", count: 100_400, bytes: 6_425_600),
    ReportModel.CensusRow(type: "Entry", kind: "class", count: 100_000, bytes: 6_400_000),
    ReportModel.CensusRow(type: "native, 64 bytes", kind: "native", count: 3_000, bytes: 192_000),
    ReportModel.CensusRow(type: "Session", kind: "class", count: 1_000, bytes: 64_000),
  ]

  static let cycle = ReportModel.LeakGroup(
    kind: .cycle, type: "Session", instances: 1_000, blocks: 4_000, bytes: 1_184_000,
    edges: [
      ReportModel.Edge(source: "Session", field: "onClose", target: "closure context"),
      ReportModel.Edge(source: "closure context", field: "", target: "Session"),
    ],
    members: [
      ReportModel.CensusRow(
        type: "_ContiguousArrayStorage<UInt8>", kind: "arrayStorage", count: 1_000, bytes: 1_056_000),
      ReportModel.CensusRow(type: "Session", kind: "class", count: 1_000, bytes: 64_000),
      ReportModel.CensusRow(type: "closure context", kind: "closureContext", count: 1_000, bytes: 32_000),
      ReportModel.CensusRow(type: "__StringStorage", kind: "stringStorage", count: 1_000, bytes: 32_000),
    ],
    exampleAddresses: ["0x7f2a0c001230", "0x7f2a0c001330"])

  static let lostTask = ReportModel.LeakGroup(
    kind: .lostTask, certainty: .likely, type: "Task", instances: 100, blocks: 700, bytes: 176_800,
    evidence: ["the continuation was dropped: nothing points to it"], waitsIn: "Inventory.fetch(id:)",
    members: [
      ReportModel.CensusRow(type: "task slab", kind: "taskSlab", count: 100, bytes: 100_800),
      ReportModel.CensusRow(type: "Task", kind: "task", count: 100, bytes: 31_200),
    ],
    exampleAddresses: ["0x55d0aa10"])

  static let native = ReportModel.LeakGroup(
    kind: .native, certainty: .possible, type: "72 bytes, first word _dispatch_source_type_after", instances: 3,
    blocks: 3,
    bytes: 216)

  static let leaky = ReportModel(
    tool: tool, verb: "diagnose",
    target: ReportModel.Target(source: .frozen, pid: 4711, name: "leaky-service", threads: 6),
    freeze: ReportModel.Freeze(
      predictedPauseNanoseconds: 6_000_000, measuredPauseNanoseconds: 4_100_000, threads: 6,
      notes: ["1 zombie of an earlier run was reaped"]),
    heap: exactHeap, census: census, leaks: ReportModel.Leaks(groups: [cycle, lostTask, native]),
    remarks: ["libfoo.so was deleted from disk after it was loaded: its symbols are missing"],
    phases: [
      ReportModel.Phase(name: "freeze", nanoseconds: 9_000_000),
      ReportModel.Phase(name: "heap", nanoseconds: 95_000_000),
    ])

  static let healthy = ReportModel(
    tool: tool, verb: "diagnose",
    target: ReportModel.Target(source: .core, pid: nil, name: "healthy", corePath: "core.99", threads: 1),
    heap: exactHeap, census: census, leaks: ReportModel.Leaks(groups: []))

  static let running = ReportModel(
    tool: tool, verb: "diagnose", target: ReportModel.Target(source: .running, pid: 4711, name: "leaky-service"),
    heap: ReportModel.Heap(allocator: "jemalloc", isExact: false, blocks: 372_992, bytes: 50_000_000),
    census: census, leaks: .notJudged("the process went on running while it was read"))

  static let torn: ReportModel = {
    var heap = exactHeap
    heap.checks.append(ReportModel.Check(name: "tcache counts", expected: 12, found: 11))
    return ReportModel(
      tool: tool, verb: "leaks",
      target: ReportModel.Target(source: .stopped, pid: 1, name: "torn\u{1b}[31m", threads: 2),
      heap: heap, leaks: ReportModel.Leaks(groups: [cycle]))
  }()

  /// By the name that goldens use.
  static func named(_ name: String) -> ReportModel {
    switch name {
    case "healthy": healthy
    case "running": running
    case "torn": torn
    default: leaky
    }
  }

  static func verb(_ verb: String, of report: ReportModel) -> ReportModel {
    var report = report
    report.verb = verb
    return report
  }
}
