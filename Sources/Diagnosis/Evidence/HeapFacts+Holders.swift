import HeapGraph
import ProcessImage
import SwiftMetadata

extension HeapFacts {
  /// Takes over what the graph knows of holders and tasks; the image must still be readable.
  ///
  /// - Parameter cut: for the tree that is returned, as `HeapHolders.holders` takes it. To build a tree reads most of the heap, so there is one for both.
  /// - Returns: the tree of holders.
  /// - Throws: what the graph throws where memory cannot be read.
  @discardableResult
  public mutating func add(_ graph: HeapHolders, cut: Double = smallestPlace) throws -> HolderReport {
    let report = try graph.holders(cut: min(cut, Self.smallestPlace))
    var flat = Self.places(report.pruned(cut: Self.smallestPlace))
    let fields = try graph.leadingFields(of: flat.unnamed.map(\.address))
    for (index, address) in flat.unnamed {
      guard let field = fields[address] else { continue }
      flat.places[index].owner = field.name
      // A frame that works on it came in between: the variable behind the object is its holder.
      if flat.places[index].heldBy == nil { flat.places[index].heldBy = field.roots.first { !Self.isFrame($0) } }
    }
    // A frame says where work was just then: better than nothing.
    for (index, frame) in flat.frames where flat.places[index].heldBy == nil && flat.places[index].owner == nil {
      flat.places[index].heldBy = frame
    }
    holders = flat.places
    libraryClasses = Self.libraryClasses(graph.analysis.heap.types, owners: flat.places.compactMap(\.owner))
    caches = report.localCaches
    tasks = Array(try graph.tasks().groups.prefix(Self.mostRows))
    return report.pruned(cut: cut)
  }

  /// Takes over what a sample knows of holders.
  ///
  /// - Returns: the tree of holders.
  public mutating func add(_ sampled: SampledHolders, cut: Double = smallestPlace) -> HolderReport {
    holders = Self.places(sampled.report.pruned(cut: Self.smallestPlace)).places
    return sampled.report.pruned(cut: cut)
  }

  private static func libraryClasses(_ types: [ObjectType], owners: [String]) -> [String: String]? {
    let generic = Set(owners.filter { $0.contains("<") })
    let found = types.lazy.compactMap { type in type.library.map { (type.name, $0) } }.filter { name, _ in
      generic.contains { $0.hasPrefix(name + ".") }
    }
    return found.isEmpty ? nil : Dictionary(found) { first, _ in first }
  }

  /// Places that keep less than this part of the reachable bytes are left out.
  public static let smallestPlace = 0.002

  /// Looks for who points into large mappings outside the allocator; the image must still be readable.
  ///
  /// - Throws: what the graph throws where memory cannot be read.
  public mutating func addOutsidePointers(_ graph: HeapHolders, _ mappings: [Mapping]) throws {
    // Of an allocator that is not known by structure the blocks themselves lie there.
    guard isExact, let books, books[.mappings] >= Self.smallestOutside, let starts = books.mappingStarts else { return }
    let wanted = Set(starts)
    outsidePointers = try graph.pointers(into: mappings.filter { wanted.contains($0.start) }.map { $0.start..<$0.end })
  }

  /// Bytes of mappings outside the allocator for whose sake the heap is read.
  private static let smallestOutside: Int64 = 4 << 20

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

  /// A frame or a register, as `NamedRoot.title` calls them: where work was just then says nothing about who keeps what it works on. Nor does
  /// what the kernel hands back with an event, or a value of a thread's under a key, which has a number and no name.
  static func isFrame(_ title: String) -> Bool {
    title.hasSuffix(" on the main thread") || title.contains(" on thread ") || title.contains("(a register of ")
      || title.hasSuffix(", kept by the kernel") || isKeyed(title)
  }

  static func isKeyed(_ title: String) -> Bool { title.hasPrefix("value of pthread key ") }

  /// A frame without a symbol is an address, which is another one in the next run.
  private static func isNamed(_ frame: String) -> Bool { !frame.hasPrefix("0x") }

  /// Flattens the tree of holders into places. `unnamed` are containers to which no field leads in the tree.
  /// `frames` are what holds the others.
  static func places(
    _ report: HolderReport
  ) -> (places: [Holder], unnamed: [(index: Int, address: UInt64)], frames: [(index: Int, title: String)]) {
    var places: [Holder] = []
    var frames: [(Int, String)] = []
    var unnamed: [(Int, UInt64)] = []
    func add(
      _ node: HeapGraph.Holder, under parent: HeapGraph.Holder?, _ path: [String], _ root: NamedRoot.Kind?,
      _ heldBy: String?, owner: String?
    ) {
      let step = node.kind == .root || node.field.isEmpty ? node.name : node.field
      let own = path + [step]
      var place = Holder(
        path: own, type: node.name, count: UInt64(max(node.count, 0)), retained: node.retainedBytes,
        container: node.container, root: root, heldBy: heldBy)
      place.unwritten = node.unwrittenBytes
      if let parent, node.field.hasPrefix(".") {
        // The insides of a library's collection say less than the field that has it.
        place.owner = InsideNames.isInside(parent.name) ? owner ?? parent.name + node.field : parent.name + node.field
      } else if let field = node.sharedBy {
        place.owner = field
      } else if node.kind == .shared || node.count == 1 && node.kind != .root && node.container != nil,
        let example = node.example,
        let address = UInt64(example.dropFirst(2), radix: 16)
      {
        unnamed.append((places.count, address))
      }
      places.append(place)
      guard places.count < 2000 else { return }
      for child in node.children { add(child, under: node, own, root, heldBy, owner: place.owner) }
    }
    for root in report.holders {
      let variable = root.heldBy.first { !isFrame($0) }
      let start = places.count
      add(root, under: nil, [], root.root?.kind, variable, owner: nil)
      if variable == nil, let frame = root.heldBy.first(where: isNamed) {
        frames += (start..<places.count).map { ($0, frame) }
      }
    }
    return (places, unnamed, frames)
  }
}
