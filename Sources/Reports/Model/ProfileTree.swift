import Measurement
import Profile

extension ReportModel.Tree {
  /// Stacks below this share of the whole are put together.
  private static let smallestShare = 0.001
  private static let deepest = 100

  /// A heap profile as a tree of callers and what they call, by the profile's own kind of value: bytes in use, where it says nothing else.
  ///
  /// - Parameter sampleType: another kind of value, by name; empty for the profile's own.
  /// - Throws: `noSampleType`, and `badPattern` for a profile whose `drop_frames` cannot be read.
  /// - Complexity: O(samples times depth).
  public init(_ profile: Profile, sampleType: String = "") throws(ProfileError) {
    var options = ProfileOptions()
    options.sampleIndex = sampleType
    let stacks = try StackTree(ProfileSession([profile]), options, minimumShare: Self.smallestShare)
    unit = stacks.sampleType.unit == "count" ? "objects" : stacks.sampleType.unit
    root = Self.node(0, stacks, depth: 0)
    root.name = stacks.sampleType.type.hasPrefix("inuse") ? "in use" : "allocated"
    let period = profile.periodType.unit == "bytes" && profile.period > 1 ? UInt64(clamping: profile.period) : nil
    root.note = period.map { "estimated from one sample in \(ByteCount($0))" }
  }

  private static func node(_ index: Int, _ tree: StackTree, depth: Int) -> Node {
    let node = tree.nodes[index]
    let children = depth < deepest ? node.children.map { self.node($0, tree, depth: depth + 1) } : []
    return Node(
      name: tree.names[node.name], value: UInt64(clamping: node.value),
      children: children.filter { $0.value > 0 }.sorted { ($0.value, $1.name) > ($1.value, $0.name) })
  }
}
