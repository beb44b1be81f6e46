import FoundationEssentials
import HeapGraph
import Profile

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

  /// Sample types `objects` and `retained`; a location and a function for each name.
  private static func pprof(_ graph: HolderGraph) -> [UInt8] {
    var builder = ProfileBuilder(sampleTypes: [.init("objects", "count"), .init("retained", "bytes")])
    builder.profile.defaultSampleType = "retained"
    for (index, node) in graph.nodes.enumerated() where node.ownBytes > 0 {
      let stack = graph.stack(index).map { name in
        builder.location(address: 0, lines: [.init(function: builder.function(name: name), number: 0)])
      }
      builder.add(stack: stack, values: [Int64(clamping: node.objects), Int64(clamping: node.ownBytes)])
    }
    return PprofEncoder.encode(builder.profile)
  }
}
