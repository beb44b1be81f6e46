import FoundationEssentials
import HeapGraph

/// Files that other tools open.
public enum HolderExport: String, Sendable, Hashable, CaseIterable {
  /// Chrome DevTools, Memory, "Load profile".
  case heapsnapshot
  /// `go tool pprof`: retention paths as stacks; `-diff_base` shows who holds more.
  case pprof = "pb"
  /// One line a path, for flame graphs: `root;holder;… bytes`.
  case collapsed
  /// Graphviz.
  case dot

  /// By the end of the file's name: `.heapsnapshot`, `.pb`, `.collapsed`, `.dot`.
  public init?(path: String) {
    guard let dot = path.lastIndex(of: "."),
      let format = HolderExport(rawValue: String(path[path.index(after: dot)...]))
    else { return nil }
    self = format
  }

  /// The file's bytes.
  public func render(_ report: HolderReport) -> [UInt8] {
    let graph = HolderGraph(report)
    switch self {
    case .heapsnapshot: return Array(Self.heapsnapshot(graph).utf8)
    case .pprof: return Self.pprof(graph)
    case .collapsed: return Array(Self.collapsed(graph).utf8)
    case .dot: return Array(Self.dot(graph).utf8)
    }
  }

  private static func collapsed(_ graph: HolderGraph) -> String {
    var text = ""
    for (index, node) in graph.nodes.enumerated() where node.ownBytes > 0 {
      let frames = graph.stack(index).reversed().map {
        TextStyle.printable($0).replacing(";", with: ",")
      }
      text += frames.joined(separator: ";") + " \(node.ownBytes)\n"
    }
    return text
  }

  private static func dot(_ graph: HolderGraph) -> String {
    var text = "digraph holders {\n  node [shape=box];\n"
    for (index, node) in graph.nodes.enumerated() {
      text += "  n\(index) [label=\(Graphviz.label([node.name, "\(node.ownBytes) B"]))];\n"
      if let parent = node.parent { text += "  n\(parent) -> n\(index) [label=\(Graphviz.label([node.field]))];\n" }
    }
    return text + "}\n"
  }

  /// The format that V8 writes and DevTools reads (v8/src/profiler/heap-snapshot-generator.cc, `HeapSnapshotJSONSerializer`; fields as of
  /// Chrome 110). The top is a synthetic node; a holder of many blocks is one node with their bytes.
  private static func heapsnapshot(_ graph: HolderGraph) -> String {
    var strings: [String] = [""]
    var indices: [String: Int] = ["": 0]
    func string(_ text: String) -> Int {
      if let known = indices[text] { return known }
      strings.append(text)
      indices[text] = strings.count - 1
      return strings.count - 1
    }
    var children = [[Int]](repeating: [], count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() { if let parent = node.parent { children[parent].append(index) } }
    var nodes: [String] = []
    var edges: [String] = []
    for (index, node) in graph.nodes.enumerated() {
      // Types: 3 object, 9 synthetic.
      let type = index == 0 ? 9 : 3
      let name = node.objects > 1 ? "\(node.name) x \(node.objects)" : node.name
      nodes.append("\(type),\(string(name)),\(index * 2 + 1),\(node.ownBytes),\(children[index].count),0,0")
      for child in children[index] {
        let field = graph.nodes[child].field
        // 2 property, 1 element; a node is named by where its fields start.
        edges.append(field.isEmpty ? "1,\(child),\(child * 7)" : "2,\(string(field)),\(child * 7)")
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    let table = (try? encoder.encode(strings)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    return """
      {"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],\
      "node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic",\
      "concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number",\
      "number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal",\
      "hidden","shortcut","weak"],"string_or_number","node"],"trace_function_info_fields":["function_id","name",\
      "script_name","script_id","line","column"],"trace_node_fields":["id","function_info_index","count","size","children"],\
      "sample_fields":["timestamp_us","last_assigned_id"],"location_fields":["object_index","script_id","line","column"]},\
      "node_count":\(graph.nodes.count),"edge_count":\(edges.count),"trace_function_count":0},
      "nodes":[\(nodes.joined(separator: "\n,"))],
      "edges":[\(edges.joined(separator: "\n,"))],
      "trace_function_infos":[],"trace_tree":[],"samples":[],"locations":[],
      "strings":\(table)}

      """
  }

  /// google/pprof proto/profile.proto: sample types `objects` and `retained`, a location and a function for each name.
  private static func pprof(_ graph: HolderGraph) -> [UInt8] {
    var strings: [String] = [""]
    var indices: [String: UInt64] = ["": 0]
    func string(_ text: String) -> UInt64 {
      if let known = indices[text] { return known }
      let index = UInt64(strings.count)
      strings.append(text)
      indices[text] = index
      return index
    }
    var profile = ProtobufWriter()
    for (type, unit) in [("objects", "count"), ("retained", "bytes")] {
      var value = ProtobufWriter()
      value.add(1, string(type))
      value.add(2, string(unit))
      profile.add(1, value.bytes)
    }
    var functions: [String: UInt64] = [:]
    var names: [String] = []
    for (index, node) in graph.nodes.enumerated() where node.ownBytes > 0 {
      let locations = graph.stack(index).map { name -> UInt64 in
        if let known = functions[name] { return known }
        names.append(name)
        functions[name] = UInt64(names.count)
        return UInt64(names.count)
      }
      var sample = ProtobufWriter()
      sample.addPacked(1, locations)
      sample.addPacked(2, [node.objects, node.ownBytes])
      profile.add(2, sample.bytes)
    }
    for (index, name) in names.enumerated() {
      let number = UInt64(index + 1)
      var line = ProtobufWriter()
      line.add(1, number)
      var location = ProtobufWriter()
      location.add(1, number)
      location.add(4, line.bytes)
      profile.add(4, location.bytes)
      var function = ProtobufWriter()
      function.add(1, number)
      function.add(2, string(name))
      profile.add(5, function.bytes)
    }
    let defaultType = string("retained")
    for text in strings { profile.add(6, Array(text.utf8)) }
    profile.add(14, defaultType)
    return profile.bytes
  }
}

/// The few parts of Protocol Buffers' wire format that writing a profile takes (protobuf.dev, "Encoding").
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func add(_ field: UInt64, _ value: UInt64) {
    varint(field << 3)
    varint(value)
  }

  mutating func add(_ field: UInt64, _ content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func addPacked(_ field: UInt64, _ values: [UInt64]) {
    var packed = ProtobufWriter()
    for value in values { packed.varint(value) }
    add(field, packed.bytes)
  }
}
