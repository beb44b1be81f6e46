import Measurement

/// Stacks of a view as lists of names, root first; for exports and flame graphs.
struct StackNames {
  let view: ProfileView
  /// What each frame is called, once for each distinct node.
  let names: [String]
  /// Source file of a node; empty if unknown.
  let files: [String]
  private let nodes: CallGraph.Nodes

  init(_ view: ProfileView) {
    self.view = view
    let graph = TrimmedGraph(view, nodeCount: 0, withEdges: false)
    nodes = CallGraph.Nodes(view.profile, withObjects: false) { $0 }
    names = nodes.keys.map { SafeText.line(graph.name(of: $0)) }
    files = nodes.keys.map { view.profile.strings[$0.file] }
  }

  /// Indices into `names`, root first.
  func stack(_ sample: Int) -> [Int] {
    var result: [Int] = []
    for location in view.profile.samples.stack(sample).reversed() {
      for member in (nodes.starts[Int(location)]..<nodes.starts[Int(location) + 1]).reversed() {
        result.append(Int(nodes.members[member]))
      }
    }
    return result
  }
}
