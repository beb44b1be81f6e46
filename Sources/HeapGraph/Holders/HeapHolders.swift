import Malloc
import ProcessImage
import SwiftMetadata
import Symbols
import Synchronization

/// Who holds what: the graph of references with named roots, its dominator tree, and the questions that can be asked of it.
///
/// The image must stay readable while questions are asked: names of fields and contents of containers are read when they are needed.
public final class HeapHolders: @unchecked Sendable {
  public let analysis: HeapAnalysis
  public let roots: [NamedRoot]
  /// Bytes of all reachable blocks: what the retained sizes below the top add up to.
  public let reachableBytes: UInt64
  public let reachableBlocks: Int
  let references: HeapReferences
  let graph: ReferenceGraph
  let tree: DominatorTree
  let labels: EdgeLabels
  let caches: LocalCacheReader.Found
  let rootNames: RootNames
  private let entries: [[UInt32]]
  /// Parts of blocks that nobody has written; nil where that was not looked at.
  public var unwritten: UnwrittenBytes?
  /// Tasks by the async function they wait in; numbers from `taskBase` on.
  private var taskFunctions: [String] = []
  private var taskKeys: [Int: UInt64] = [:]
  /// By task: the program's function in it, once it was asked for.
  private var ownFunctions: [Int: String?] = [:]
  private static let taskBase: UInt64 = 1 << 40
  /// Made beside the dominators, where that was asked for; taken by the first who asks, and gone then.
  private var contents: BlockContents?
  /// By type. The types themselves hold names and fields, whose reference counts each question would pass through.
  private let kinds: FlatArray<ObjectType.Kind>

  /// - Parameters:
  ///   - analysis: made with `keepsReferences`.
  ///   - comparesContents: `waste` will be asked for: what it compares is read while the dominators are found, for which one processor is enough.
  ///   - progress: called now and then with the share done, 0...1.
  /// - Throws: `HoldersError.notMarked`, `MemoryError`.
  public init(
    analysis: HeapAnalysis, image: ProcessImage, symbols: any SymbolSource, comparesContents: Bool = false,
    progress: ((Double) -> Void)? = nil
  ) throws {
    guard let references = analysis.references else {
      throw HoldersError.notMarked(analysis.shortage ?? analysis.leaksNotJudged ?? "the heap was not marked")
    }
    self.analysis = analysis
    self.references = references
    let heap = references.heap
    kinds = FlatArray(repeating: .native, count: heap.types.count)
    for (index, type) in heap.types.enumerated() { kinds[index] = type.kind }
    let named = RootNames(references, image: image, symbols: symbols)
    roots = named.names
    entries = named.entries
    rootNames = named
    progress?(0.1)
    graph = try ReferenceGraph(
      references, marked: references.marked, entries: named.entries, order: named.order,
      orphanRoot: named.orphanRoot, workerCount: references.workerCount)
    progress?(0.4)
    let dominators: Dominators
    (dominators, contents) = Self.dominators(
      of: graph, named, references, comparesContents: comparesContents && references.workerCount > 1)
    progress?(0.8)
    let blockCount = graph.blockCount
    tree = DominatorTree(dominators) { $0 < blockCount ? heap.blocks.size($0) : 0 }
    progress?(1)
    reachableBytes = tree.count > 0 ? tree.retained[0] : 0
    var unreachedRoots = 0
    for index in 0..<graph.rootCount where tree.vertex(blockCount + index) == nil { unreachedRoots += 1 }
    reachableBlocks = max(0, tree.count - 1 - (graph.rootCount - unreachedRoots))
    caches = try LocalCacheReader.find(image, blocks: heap.blocks, symbols: symbols)
    labels = EdgeLabels(
      heap: heap, frames: AsyncFrameTable(references), taskLocals: TaskLocalNames(references, named),
      cases: EnumCases(heap: heap, memory: references.memory))
  }

  /// The dominators, and beside them, on another processor, the hashes of what blocks hold; these are nil where nobody asks for them, or memory could
  /// not be read.
  private static func dominators(
    of graph: ReferenceGraph, _ named: RootNames, _ references: HeapReferences, comparesContents: Bool
  ) -> (Dominators, BlockContents?) {
    let found = Mutex<Dominators?>(nil)
    let compared = Mutex<BlockContents?>(nil)
    let isDeferred = named.isDeferred
    ThreadTeam.perform(comparesContents ? 2 : 1) { part in
      if part == 0 {
        let dominators = Dominators(
          graph.graph, root: graph.top, firstDeferred: graph.blockCount, isDeferred: isDeferred)
        found.withLock { $0 = dominators }
      } else if let contents = try? BlockContents.hashed(references, where: references.marked.contains) {
        compared.withLock { $0 = contents }
      }
    }
    let dominators = found.withLock { $0 }
    guard let dominators else { preconditionFailure("each part of the work is done once") }
    return (dominators, compared.withLock { $0 })
  }

  /// Hashes of what all reachable blocks hold. They take eight bytes a block, and are the caller's from then on.
  func takeContents() throws(MemoryError) -> BlockContents {
    defer { contents = nil }
    if let contents { return contents }
    return try .hashed(references, where: references.marked.contains)
  }

  /// The tree of holders.
  ///
  /// - Parameter cut: holders that retain a smaller share of the reachable bytes are summed up, 0...1.
  public func holders(cut: Double = 0.01, showContents: Bool = false) throws -> HolderReport {
    var builder = HolderTreeBuilder(
      self, cut: HolderReport.bytes(cut, of: reachableBytes), showContents: showContents)
    let built = try builder.build()
    return HolderReport(
      reachableBytes: reachableBytes, reachableBlocks: reachableBlocks, holders: built.roots,
      otherCount: built.otherCount, otherBytes: built.otherBytes,
      localCaches: caches.caches.isEmpty ? nil : caches.caches,
      damagedCaches: caches.damaged == 0 ? nil : caches.damaged)
  }

  /// What a block is by its type.
  @inline(__always)
  func kind(_ block: Int) -> ObjectType.Kind { kinds[references.heap.typeIndex(block)] }

  /// What a block's kind is for grouping: its type; for a task the function it waits in.
  @inline(__always)
  func typeKey(_ node: Int) -> UInt64 {
    guard node < graph.blockCount else { return UInt64.max - UInt64(node) }
    let type = references.heap.typeIndex(node)
    return kinds[type] == .task ? taskKey(node) : UInt64(type)
  }

  private func taskKey(_ node: Int) -> UInt64 {
    if let known = taskKeys[node] { return known }
    let function = references.context.describeTask(references.heap.blocks.address(node)).first ?? ""
    let index = taskFunctions.firstIndex(of: function) ?? taskFunctions.count
    if index == taskFunctions.count { taskFunctions.append(function) }
    let key = Self.taskBase + UInt64(index)
    taskKeys[node] = key
    return key
  }

  /// Whether blocks with this key are alike in nothing but that their type, or a task's function, is not known.
  func isUnknown(_ key: UInt64) -> Bool {
    if key == UInt64(TypedHeap.unknown) { return true }
    let (index, isBelow) = key.subtractingReportingOverflow(Self.taskBase)
    return !isBelow && index < UInt64(taskFunctions.count) && taskFunctions[Int(index)].isEmpty
  }

  /// Arrays of objects of any class have one storage class in common, and so have arrays and tables of any values: two of them say as little of each
  /// other as blocks without a type. What the objects in between are tells where a list or a tree comes again.
  func isOfAny(_ key: UInt64) -> Bool {
    let types = references.heap.types
    guard key < UInt64(types.count) else { return false }
    switch types[Int(key)].layout {
    case .array(_, let element):
      return types[Int(key)].kind == .arrayStorage && (element.typeName == "AnyObject" || element.typeName == "Any")
    case .hashTable(_, _, let value): return value?.typeName == "Any"
    default: return false
    }
  }

  /// A block in a developer's words.
  func name(_ block: Int) -> String {
    if kind(block) == .task { return taskName(references.heap.blocks.address(block)) }
    return ContainerNames.readable(references.heap.typeIndex(block), in: references.heap)
  }

  private func taskName(_ address: UInt64) -> String {
    let info = references.context.taskInfo(address)
    let frames = references.context.taskFrames(address).filter { !$0.function.isEmpty }
    // Of a task that is done only its outermost function still means something, and a timer's is the standard library's.
    if info?.isComplete == true {
      return (frames.last { !$0.isStandard } ?? frames.last).map { "task that has ended, of \($0.function)" }
        ?? "task that has ended"
    }
    if info?.isUnstarted == true {
      return frames.first { !$0.isStandard }.map { "task that has not begun, of \($0.function)" } ?? "task"
    }
    return references.context.describeTask(address).first.map { "task suspended in \($0)" } ?? "task"
  }

  /// Titles of roots that refer to a block, up to three; where none does itself, of one that leads to it.
  func rootTitles(ofNode node: Int) -> [String] {
    var names: [NamedRoot] = []
    for (index, blocks) in entries.enumerated() where names.count < 3 {
      if blocks.sortedIndex(of: UInt32(node)) != nil { names.append(roots[index]) }
    }
    var led: NamedRoot?
    if !names.contains(where: \.isVariable), let root = root(leadingTo: node), names.isEmpty || root.isVariable {
      names.insert(root, at: 0)
      led = root
    }
    // Words on stacks come and go with calls, and say less than a variable from which a path leads here.
    let variables = names.filter(\.isVariable)
    let titles = (variables.isEmpty ? names : variables).map {
      $0.title == led?.title ? leader(of: node) ?? $0.title : $0.title
    }
    return Array(titles.prefix(3))
  }

  /// Actors and what waits for them; made when first asked for.
  private(set) lazy var actors = Result { try ActorTable(references, blockCount: graph.blockCount) }

  /// Shortest paths from the roots to all blocks; made when first asked for.
  private(set) lazy var paths = ShortestPaths(graph, roots: roots)
  private lazy var pathRoots = paths.roots(graph)
  private lazy var leaders = paths.leaders(graph, roots: roots) { isTelling($0) }

  /// The root from which the shortest path to a block starts.
  func root(leadingTo node: Int) -> NamedRoot? {
    let index = Int(pathRoots[node])
    return index < roots.count ? roots[index] : nil
  }

  /// The node that is named for leading to a block, by the shortest path: a root; where that is a library's variable, which says nothing of
  /// this block, the first on the way from there that the program itself has named. Nil where nothing leads there.
  func leadingNode(_ node: Int) -> Int? {
    let leader = Int(leaders[node])
    return leader < graph.graph.count ? leader : nil
  }

  /// The same in words: a root's title, or the name of the block.
  func leader(of node: Int) -> String? { leadingNode(node).map(leaderTitle) }

  /// As `leader(of:)`; nil where only a frame leads there that tells nothing (`NamedRoot.isIdleFrame`).
  func tellingLeader(of node: Int) -> String? {
    guard let leader = leadingNode(node), leader < graph.blockCount || !roots[leader - graph.blockCount].isIdleFrame
    else { return nil }
    return leaderTitle(leader)
  }

  func leaderTitle(_ leader: Int) -> String {
    guard leader < graph.blockCount else { return roots[leader - graph.blockCount].title }
    let type = references.heap.type(leader)
    let function = type.kind == .task ? ownFunction(ofTask: leader) : nil
    return function.map { "task in \($0)" } ?? name(leader)
  }

  /// Tells a developer of the program where he is: an object of a class of his own, a closure that captures something of his, a task that
  /// is in a function of his.
  func isTelling(_ block: Int) -> Bool {
    let type = references.heap.type(block)
    return type.isOwn || type.kind == .task && ownFunction(ofTask: block) != nil
  }

  /// The innermost function of the program's own module among those that a task is in.
  private func ownFunction(ofTask block: Int) -> String? {
    if let known = ownFunctions[block] { return known }
    let frames = references.context.taskFrames(references.heap.blocks.address(block))
    let function = frames.first { $0.isMain && !$0.function.isEmpty }?.function
    ownFunctions[block] = .some(function)
    return function
  }
}
