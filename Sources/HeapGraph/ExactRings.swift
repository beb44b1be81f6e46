/// Tells retain cycles apart that only words of memory without a type tie together.
///
/// A mutex of C++ that hangs on an object has stale words in its spare bytes. One that leads to another object of the same kind would make one leak
/// of two, and a ring that nobody wrote. Where fields alone tie a ring, that is the leak, whatever else leads there: what hangs on such rings is
/// theirs, not their holder.
enum ExactRings {
  /// - Parameter isGuess: the words of this node are believed whatever they are.
  /// - Returns: the graph without references from such nodes that hang on a ring to rings of fields. O(nodes + edges).
  static func apart(_ graph: UnreachableGraph, isGuess: (Int) -> Bool) -> UnreachableGraph {
    let fields = graph.keeping { source, _ in !isGuess(source) }
    guard fields.targets.count < graph.targets.count else { return graph }
    let rings = StrongComponents(fields)
    func isOnRing(_ node: Int) -> Bool {
      rings.sizes[Int(rings.component[node])] > 1
        || fields.edges(of: node).contains { Int(fields.targets[$0]) == node }
    }
    let onRings = (0..<graph.count).filter(isOnRing)
    guard !onRings.isEmpty else { return graph }
    var isRing = [Bool](repeating: false, count: graph.count)
    for node in onRings { isRing[node] = true }
    let hangs = graph.reached(from: onRings)
    return graph.keeping { source, target in !(isRing[target] && isGuess(source) && hangs[source]) }
  }
}
