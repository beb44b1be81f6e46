import HeapGraph

extension HeapFacts {
  /// Takes over what the graph knows of holders and tasks; the image must still be readable.
  ///
  /// - Parameter share: places that keep less than this part of the reachable bytes are left out.
  /// - Throws: what the graph throws where memory cannot be read.
  public mutating func add(_ graph: HeapHolders, share: Double = 0.002) throws {
    let report = try graph.holders(cut: share)
    var flat = Self.places(report)
    let fields = try graph.leadingFields(of: flat.unnamed.map(\.address))
    for (index, address) in flat.unnamed {
      guard let field = fields[address] else { continue }
      flat.places[index].owner = field.name
      // A frame that works on it came in between: the variable behind the object is its holder.
      if flat.places[index].heldBy == nil { flat.places[index].heldBy = field.roots.first { !Self.isFrame($0) } }
    }
    holders = flat.places
    caches = report.localCaches
    tasks = Array(try graph.tasks().groups.prefix(Self.mostRows))
  }

  /// Compares all blocks for equal copies and unused room, which reads every byte that has a type; the image must still be readable.
  ///
  /// - Throws: what the graph throws where memory cannot be read.
  public mutating func addWaste(_ graph: HeapHolders) throws {
    var found = try graph.waste()
    found.duplicates = Array(found.duplicates.prefix(20))
    found.spare = Array(found.spare.prefix(20))
    waste = found
  }

  /// Small enough to be kept by the hundred: the largest places, and no comparison of blocks.
  public func shortened(to most: Int = 200) -> HeapFacts {
    var facts = self
    facts.waste = nil
    if let holders, holders.count > most {
      // Parents keep more than their children, so whole paths stay.
      let cut = holders.map(\.retained).sorted(by: >)[most - 1]
      facts.holders = holders.filter { $0.retained >= cut }
    }
    return facts
  }

  /// A frame or a register, as `NamedRoot.title` calls them: where work was just then says nothing about who keeps what it works on.
  private static func isFrame(_ title: String) -> Bool {
    title.hasSuffix(" on the main thread") || title.contains(" on thread ") || title.contains("(a register of ")
  }

  /// Flattens the tree of holders into places. `unnamed` are containers to which no field leads in the tree.
  static func places(_ report: HolderReport) -> (places: [Holder], unnamed: [(index: Int, address: UInt64)]) {
    var places: [Holder] = []
    var unnamed: [(Int, UInt64)] = []
    func add(
      _ node: HeapGraph.Holder, under parent: HeapGraph.Holder?, _ path: [String], _ root: NamedRoot.Kind?,
      _ heldBy: String?
    ) {
      let step = node.kind == .root || node.field.isEmpty ? node.name : node.field
      let own = path + [step]
      var place = Holder(
        path: own, type: node.name, count: UInt64(max(node.count, 0)), retained: node.retainedBytes,
        container: node.container, root: root, heldBy: heldBy)
      if let parent, node.field.hasPrefix(".") {
        place.owner = parent.name + node.field
      } else if node.count == 1, node.kind != .root, node.container != nil, let example = node.example,
        let address = UInt64(example.dropFirst(2), radix: 16)
      {
        unnamed.append((places.count, address))
      }
      places.append(place)
      guard places.count < 2000 else { return }
      for child in node.children { add(child, under: node, own, root, heldBy) }
    }
    for root in report.holders { add(root, under: nil, [], root.root?.kind, root.heldBy.first { !isFrame($0) }) }
    return (places, unnamed)
  }
}
