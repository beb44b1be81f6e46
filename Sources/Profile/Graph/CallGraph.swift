/// Functions (or lines, files, addresses) with their own and their cumulated values, and who called whom.
///
/// The rules are pprof's (google/pprof internal/graph): a node counts once a sample however often it is on the stack; the value of a sample is the leaf's own. Flat
/// arrays throughout: nodes and edges are indices. Sums wrap on overflow, as Go's do.
struct CallGraph {
  /// What makes two frames the same node.
  struct NodeKey: Hashable {
    var name: StringID = 0
    var file: StringID = 0
    var object: StringID = 0
    var address: UInt64 = 0
    var line: Int64 = 0
    var startLine: Int64 = 0
  }

  struct Edge {
    var source, target: Int
    var weight: Int64 = 0
    var divisor: Int64 = 0
    /// Every call along it was inlined.
    var isInline: Bool
    /// The sample that it was counted for last.
    var lastSample = -1
  }

  /// Nodes of all locations, made once; pruning a graph keeps the same indices.
  struct Nodes {
    let keys: [NodeKey]
    /// Nodes of a location, innermost first: `members[starts[i]..<starts[i + 1]]`.
    let starts: [Int]
    let members: [UInt32]
    let hasInlined: Bool

    /// - Parameter withObjects: the same function in two binaries is two nodes.
    init(_ profile: Profile, withObjects: Bool, file: (StringID) -> StringID) {
      var keys: [NodeKey] = []
      var indices: [NodeKey: UInt32] = [:]
      indices.reserveCapacity(profile.functions.count)
      var starts = [0]
      starts.reserveCapacity(profile.locations.count + 1)
      var members: [UInt32] = []
      members.reserveCapacity(profile.locations.count)
      var hasInlined = false
      func add(_ key: NodeKey) {
        if let known = indices[key] {
          members.append(known)
        } else {
          let new = UInt32(truncatingIfNeeded: keys.count)
          keys.append(key)
          indices[key] = new
          members.append(new)
        }
      }
      for location in profile.locations {
        let object = location.mapping.map { profile.mappings[$0].file } ?? 0
        for line in profile.lines(of: location) {
          guard let index = line.function else {
            add(NodeKey(object: object, address: location.address))
            continue
          }
          let function = profile.functions[index]
          var key = NodeKey(
            name: function.name, file: file(function.file), address: location.address, line: line.number)
          if withObjects || function.name == 0 {
            key.object = object
            key.startLine = function.startLine
          }
          add(key)
        }
        if location.lineCount == 0 { add(NodeKey(object: object, address: location.address)) }
        if location.lineCount > 1 { hasInlined = true }
        starts.append(members.count)
      }
      self.keys = keys
      self.starts = starts
      self.members = members
      self.hasInlined = hasInlined
    }
  }

  let nodes: Nodes
  private(set) var flat: [Int64]
  private(set) var cum: [Int64]
  private(set) var flatDivisor: [Int64]
  private(set) var cumDivisor: [Int64]
  /// Nodes that are part of the graph.
  var shown: [Int] = []
  var edges: [Edge] = []

  /// What is counted, and how much of it is shown.
  struct Options {
    /// Place of the value that is counted among those of a sample.
    var value: Int
    /// Place of the value that it is divided by, for means; nil for sums.
    var divisor: Int?
    /// Edges cost most of the time, and few reports need them.
    var findsEdges: Bool
    var dropsNegative: Bool
  }

  /// - Parameter kept: nodes that may appear; nil for all. A frame that may not appear links its neighbours.
  init(_ samples: SampleTable, _ nodes: Nodes, _ options: Options, kept: [Bool]? = nil) {
    self.nodes = nodes
    let divisor = options.divisor
    let count = nodes.keys.count
    flat = [Int64](repeating: 0, count: count)
    cum = flat
    flatDivisor = divisor == nil ? [] : flat
    cumDivisor = flatDivisor
    var lastSample = [Int](repeating: -1, count: count)
    var table = EdgeTable()
    for sample in 0..<samples.count {
      let weight = samples.value(sample, options.value)
      let part = divisor.map { samples.value(sample, $0) } ?? 0
      if weight == 0 && part == 0 { continue }
      var parent = -1
      var isResidual = false
      for frame in samples.frameRange(sample).reversed() {
        let location = Int(samples.frames[frame])
        let last = nodes.starts[location + 1] - 1
        for member in stride(from: last, through: nodes.starts[location], by: -1) {
          let node = Int(nodes.members[member])
          if let kept, !kept[node] {
            isResidual = true
            continue
          }
          if lastSample[node] != sample {
            lastSample[node] = sample
            cum[node] &+= weight
            if divisor != nil { cumDivisor[node] &+= part }
          }
          if options.findsEdges, parent >= 0, parent != node {
            let edge = table.index(parent, node, &edges, isInline: member != last)
            if edges[edge].lastSample != sample {
              edges[edge].lastSample = sample
              edges[edge].weight &+= weight
              edges[edge].divisor &+= part
              // An edge that was not inlined once is an ordinary one.
              if member == last { edges[edge].isInline = false }
            }
          }
          parent = node
          isResidual = false
        }
      }
      if parent >= 0 && !isResidual {
        flat[parent] &+= weight
        if divisor != nil { flatDivisor[parent] &+= part }
      }
    }
    for node in 0..<count where cum[node] != 0 || flat[node] != 0 {
      if options.dropsNegative && (flat[node] < 0 || (flat[node] == 0 && cum[node] < 0)) { continue }
      shown.append(node)
    }
  }

  func flatValue(_ node: Int) -> Int64 { Self.divided(flat[node], flatDivisor, node) }
  func cumValue(_ node: Int) -> Int64 { Self.divided(cum[node], cumDivisor, node) }

  private static func divided(_ value: Int64, _ divisors: [Int64], _ node: Int) -> Int64 {
    guard node < divisors.count, divisors[node] != 0 else { return value }
    return value.dividedReportingOverflow(by: divisors[node]).partialValue
  }
}

/// (source, target) -> index of the edge; open addressing, at most half full.
private struct EdgeTable {
  private var slots = [UInt32](repeating: 0, count: 1 << 12)
  private var mask = 1 << 12 - 1

  @inline(__always)
  mutating func index(_ source: Int, _ target: Int, _ edges: inout [CallGraph.Edge], isInline: Bool) -> Int {
    var slot = Self.hash(source, target) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if edges[index].source == source, edges[index].target == target { return index }
      slot = (slot + 1) & mask
    }
    edges.append(CallGraph.Edge(source: source, target: target, isInline: isInline))
    slots[slot] = UInt32(truncatingIfNeeded: edges.count)
    if edges.count * 2 > slots.count { grow(edges) }
    return edges.count - 1
  }

  private mutating func grow(_ edges: [CallGraph.Edge]) {
    mask = slots.count * 2 - 1
    slots = [UInt32](repeating: 0, count: mask + 1)
    for (index, edge) in edges.enumerated() {
      var slot = Self.hash(edge.source, edge.target) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(truncatingIfNeeded: index + 1)
    }
  }

  /// Fibonacci hashing (Knuth 6.4).
  private static func hash(_ source: Int, _ target: Int) -> Int {
    let mixed = (UInt64(truncatingIfNeeded: source) &* 0x9e37_79b9_7f4a_7c15) ^ UInt64(truncatingIfNeeded: target)
    return Int(truncatingIfNeeded: (mixed &* 0x9e37_79b9_7f4a_7c15) >> 24)
  }
}
