import Foundation

/// Writes a pprof heap profile of a chosen size with the shape of a service's: stacks are walks down one random tree of calls, so that they share
/// callers. The same arguments give the same bytes.
struct ProfileFile {
  var samples = 108_000
  var functions = 20_000
  var meanDepth = 34
  private var random = Random(state: 1)

  /// SplitMix64 (Steele, Lea, Flood 2014).
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var value = state
      value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
      value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
      return value ^ (value >> 31)
    }
  }

  /// The parts of Protocol Buffers' wire format that this takes (protobuf.dev, "Encoding").
  private struct Message {
    var bytes: [UInt8] = []

    mutating func varint(_ value: UInt64) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7f) | 0x80)
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

    mutating func add(_ field: UInt64, packed values: [UInt64]) {
      var inner = Message()
      for value in values { inner.varint(value) }
      add(field, inner.bytes)
    }

    static func numbers(_ numbers: [(UInt64, UInt64)]) -> [UInt8] {
      var message = Message()
      for (field, value) in numbers { message.add(field, value) }
      return message.bytes
    }
  }

  /// The profile, not packed.
  mutating func bytes() -> [UInt8] {
    var strings = [""]
    func string(_ text: String) -> UInt64 {
      strings.append(text)
      return UInt64(strings.count - 1)
    }
    var out = Message()
    for (type, unit) in [
      ("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes"),
    ] {
      out.add(1, Message.numbers([(1, string(type)), (2, string(unit))]))
    }
    let sizes: [UInt64] = [16, 32, 48, 64, 96, 128, 208, 512, 4096, 26_720]
    let locations = functions * 3
    var children: [[UInt64]] = Array(repeating: [], count: locations + 1)
    for _ in 0..<samples {
      let stack = drawStack(&children)
      let size = sizes[Int.random(in: sizes.indices, using: &random)]
      let live = UInt64.random(in: 0..<40, using: &random)
      let made = live + UInt64.random(in: 0..<4000, using: &random)
      var sample = Message()
      sample.add(1, packed: stack.reversed())
      sample.add(2, packed: [made, made * size, live, live * size])
      out.add(2, sample.bytes)
    }
    let start: UInt64 = 0x5555_0000_0000
    out.add(
      3,
      Message.numbers([
        (1, 1), (2, start), (3, start + 48 << 20), (5, string("/srv/service")), (6, string("4f1c")), (7, 1),
      ]))
    for index in 1...UInt64(locations) {
      var location = Message()
      location.add(1, index)
      location.add(2, 1)
      location.add(3, start + 0x1000 + index * 16)
      location.add(
        4,
        Message.numbers([
          (1, UInt64.random(in: 1...UInt64(functions), using: &random)),
          (2, UInt64.random(in: 1..<900, using: &random)),
        ]))
      out.add(4, location.bytes)
    }
    for index in 1...functions {
      let name = string("$s7service\(6 + String(index).count)Worker\(index)C7process5entryySaySSG_SStYaKF")
      out.add(
        5,
        Message.numbers([
          (1, UInt64(index)), (2, name), (3, name), (4, string("/srv/Sources/File\(index % 700).swift")),
        ]))
    }
    for text in strings { out.add(6, Array(text.utf8)) }
    out.add(12, 512 * 1024)
    return out.bytes
  }

  /// Locations from the outermost on, along calls that `children` has or gets.
  private mutating func drawStack(_ children: inout [[UInt64]]) -> [UInt64] {
    var stack: [UInt64] = [1]
    let depth = Int.random(in: meanDepth / 2...meanDepth * 3 / 2, using: &random)
    while stack.count < depth {
      let node = Int(stack[stack.count - 1])
      if children[node].count < 2 || Int.random(in: 0..<25, using: &random) == 0 {
        children[node].append(UInt64.random(in: 2...UInt64(children.count - 1), using: &random))
      }
      // Few ways are hot.
      let place = Double.random(in: 0..<1, using: &random)
      stack.append(children[node][Int(Double(children[node].count) * place * place)])
    }
    return stack
  }
}
