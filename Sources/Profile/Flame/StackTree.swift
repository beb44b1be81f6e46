/// Stacks put together from the root: what a flame graph shows.
public struct StackTree: Sendable {
  public struct Node: Sendable {
    /// Index into `names`.
    public var name: Int
    /// Of this node and all below it.
    public var value: Int64 = 0
    /// The same in the base, where there is one to compare with.
    public var base: Int64 = 0
    public var children: [Int] = []
  }

  /// The first is the root; parents come before their children.
  public private(set) var nodes: [Node]
  public private(set) var names: [String]
  public let sampleType: Profile.ValueType
  public let isDifference: Bool
  public let remarks: [String]
  /// Lines about the profile: file, type, time.
  public let labels: [String]

  /// What is left out, put together.
  private static let restName = "(smaller)"
  /// Deeper frames are put together with what is above them: browsers draw no more.
  private static let deepest = 512

  /// - Parameters:
  ///   - session: with a base of `.compare`, values are compared with it.
  ///   - minimumShare: nodes below this share of the total are put together.
  public init(_ session: ProfileSession, _ options: ProfileOptions, minimumShare: Double) throws(ProfileError) {
    let view = try ProfileView(session, options)
    let stacks = StackNames(view)
    let samples = view.profile.samples
    let baseKey = view.profile.strings.id(of: ProfileSession.baseLabel)
    var names = stacks.names
    names.append("all")
    var nodes = [Node(name: names.count - 1)]
    var children: [Child: Int] = [:]
    var hasBase = false
    for sample in 0..<samples.count {
      let value = samples.value(sample, view.sampleIndex)
      guard value != 0 else { continue }
      let isBase = baseKey.map { key in samples.labels(sample).contains { $0.key == key } } ?? false
      hasBase = hasBase || isBase
      var node = 0
      Self.add(value, isBase, &nodes[0])
      for frame in stacks.stack(sample).prefix(Self.deepest) {
        let child = Child(parent: node, name: frame)
        if let known = children[child] {
          node = known
        } else {
          nodes.append(Node(name: frame))
          nodes[node].children.append(nodes.count - 1)
          node = nodes.count - 1
          children[child] = node
        }
        Self.add(value, isBase, &nodes[node])
      }
    }
    isDifference = hasBase
    sampleType = view.sampleType
    remarks = view.remarks
    labels = view.labels { view.format($0, unit: "auto") }
    names.append(Self.restName)
    self.names = names
    self.nodes = Self.pruned(nodes, minimumShare, restName: names.count - 1)
  }

  private struct Child: Hashable {
    var parent, name: Int
  }

  private static func add(_ value: Int64, _ isBase: Bool, _ node: inout Node) {
    // The base's values come with the opposite sign.
    if isBase {
      node.base = node.base.addingClamped(value.clampedNegation)
    } else {
      node.value = node.value.addingClamped(value)
    }
  }

  private static func size(_ node: Node) -> Int64 { max(node.value.clampedMagnitude, node.base.clampedMagnitude) }

  /// Children by size; those that are too small become one.
  private static func pruned(_ nodes: [Node], _ share: Double, restName: Int) -> [Node] {
    let cutoff = (Double(size(nodes[0])) * min(max(share, 0), 1)).saturated
    var result = [nodes[0]]
    var pending: [(old: Int, new: Int)] = [(0, 0)]
    while let (old, new) = pending.popLast() {
      result[new].children = []
      var rest = Node(name: restName)
      for child in nodes[old].children.sorted(by: { size(nodes[$0]) > size(nodes[$1]) }) {
        if size(nodes[child]) < max(cutoff, 1) {
          rest.value = rest.value.addingClamped(nodes[child].value)
          rest.base = rest.base.addingClamped(nodes[child].base)
          continue
        }
        result.append(nodes[child])
        result[new].children.append(result.count - 1)
        pending.append((child, result.count - 1))
      }
      if size(rest) > 0 {
        result.append(rest)
        result[new].children.append(result.count - 1)
      }
    }
    return result
  }
}
