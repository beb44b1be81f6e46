/// heaptrack's interpreted data, file version 1 to 3 (KDE/heaptrack 1.4, src/interpret/heaptrack_interpret.cpp and src/analyze/accumulatedtracedata.cpp,
/// `AccumulatedTraceData::read`). Numbers are hexadecimal; indices count from 1 in the order of the lines, 0 is none.
///
/// `s` a string, `i` an instruction pointer (module, then function, file and line, once for each inlined frame), `t` a trace (instruction pointer, parent), `a` an
/// allocation's size and trace, `+` and `-` such an allocation and its end, `X` the command.
struct HeaptrackReader {
  private let path: String
  private var lines: LineReader
  private var version: UInt64 = 0
  private var builder = ProfileBuilder(sampleTypes: Profile.heapSampleTypes)
  private var strings: [String] = []
  /// Locations of the instruction pointers.
  private var pointers: [Int] = []
  /// Instruction pointer and parent, as indices from 1.
  private var traces: [(pointer: UInt64, parent: UInt64)] = []
  private var allocations: [(size: Int64, trace: UInt64)] = []
  private var counts: [(made: Int64, ended: Int64)] = []
  private var names = FunctionNames(style: .short)
  /// Deeper stacks are cut.
  private static let deepest = 4096
  /// Frames of all stacks that a byte of the file may stand for. Stacks share their outer parts in the file and do not in the profile; heaptrack's own have 64
  /// frames at most, mostly some twenty for two lines of thirty bytes.
  private static let mostFramesPerByte = 4

  static func recognizes(_ bytes: [UInt8]) -> Bool {
    var reader = LineReader(Array(bytes.prefix(64)))
    var line = LineParser(reader.next() ?? [])
    guard line.take("v"), line.hexadecimal() != nil else { return false }
    line.skipSpaces()
    return line.isAtEnd || line.hexadecimal() != nil
  }

  static func read(_ bytes: [UInt8], path: String) throws(ProfileError) -> Profile {
    var reader = HeaptrackReader(path: path, lines: LineReader(bytes), size: bytes.count)
    try reader.read()
    return try reader.finish()
  }

  private let mostFrames: Int

  private init(path: String, lines: LineReader, size: Int) {
    self.path = path
    self.lines = lines
    mostFrames = max(size, 1 << 18) * Self.mostFramesPerByte
  }

  private func malformed(_ what: String) -> ProfileError {
    .malformed(path: path, what: "\(what), in line \(lines.number)")
  }

  private mutating func read() throws(ProfileError) {
    while let bytes = lines.next() {
      guard let kind = bytes.first else { continue }
      var line = LineParser(bytes.dropFirst())
      switch kind {
      case UInt8(ascii: "v"):
        _ = line.hexadecimal()
        version = line.hexadecimal() ?? 1
        guard version <= 3 else { throw malformed("format version \(version), which is newer than memwhy knows (3)") }
      case UInt8(ascii: "X"): builder.profile.comments.append("command:" + line.rest)
      case UInt8(ascii: "s"): try readString(&line)
      case UInt8(ascii: "i"): try readPointer(&line)
      case UInt8(ascii: "t"):
        guard let pointer = line.hexadecimal(), let parent = line.hexadecimal(), pointer <= pointers.count,
          parent <= traces.count
        else { throw malformed("a trace that leads nowhere") }
        traces.append((pointer, parent))
      case UInt8(ascii: "a"):
        guard let size = line.hexadecimal(), let trace = line.hexadecimal(), trace <= traces.count else {
          throw malformed("an allocation that cannot be read")
        }
        allocations.append((Int64(clamping: size), trace))
        counts.append((0, 0))
      case UInt8(ascii: "+"):
        counts[try allocation(&line)].made += 1
      case UInt8(ascii: "-"):
        counts[try allocation(&line)].ended += 1
      // Among them `A`, attached: what was there before is not known.
      default: break
      }
    }
  }

  private func allocation(_ line: inout LineParser) throws(ProfileError) -> Int {
    guard version >= 1, let index = line.hexadecimal(), index < UInt64(allocations.count) else {
      throw malformed("an event of an allocation that is not there")
    }
    return Int(index)
  }

  private mutating func readString(_ line: inout LineParser) throws(ProfileError) {
    // Since version 3 the length comes first.
    guard version >= 3 else {
      line.skipSpaces()
      strings.append(line.rest)
      return
    }
    guard let length = line.hexadecimal(), let text = line.text(count: length) else {
      throw malformed("a name that is cut")
    }
    strings.append(text)
    // Modules come first, and of these the program.
    guard strings.count == 1, text.hasPrefix("/") else { return }
    _ = builder.mapping(start: 0, limit: 0, file: text, isSymbolized: true)
    names = FunctionNames(style: .short, of: builder.profile)
  }

  private func string(_ index: UInt64) throws(ProfileError) -> String {
    if index == 0 { return "" }
    guard index <= UInt64(strings.count) else { throw malformed("name \(index) of \(strings.count)") }
    return strings[Int(index) - 1]
  }

  private mutating func readPointer(_ line: inout LineParser) throws(ProfileError) {
    guard let address = line.hexadecimal(), let module = line.hexadecimal() else {
      throw malformed("an address that cannot be read")
    }
    let file = try string(module)
    let mapping = file.isEmpty ? nil : builder.mapping(start: 0, limit: 0, file: file, isSymbolized: true)
    var frames: [Profile.Line] = []
    while let function = line.hexadecimal() {
      var source: UInt64 = 0
      var number: UInt64 = 0
      line.skipSpaces()
      if !line.isAtEnd {
        guard let found = line.hexadecimal() else { throw malformed("a file that cannot be read") }
        source = found
        line.skipSpaces()
        if !line.isAtEnd { number = line.hexadecimal() ?? 0 }
      }
      let mangled = try string(function)
      // Where a function is not known its file says nothing either.
      if mangled.isEmpty { continue }
      let index = builder.function(name: names.display(mangled), systemName: mangled, file: try string(source))
      frames.append(Profile.Line(function: index, number: Int64(clamping: number)))
    }
    pointers.append(builder.location(address: address, mapping: mapping, lines: frames))
  }

  private mutating func finish() throws(ProfileError) -> Profile {
    guard version >= 1 else { throw malformed("no version") }
    builder.profile.periodType = Profile.ValueType("space", "bytes")
    builder.profile.period = 1
    builder.profile.dropFrames = RuntimeFunctions.dropFrames
    builder.profile.defaultSampleType = "inuse_space"
    // Traces that were followed, for all stacks: one without an instruction pointer adds no frame, but costs as much time.
    var steps = 0
    for (index, allocation) in allocations.enumerated() {
      let (made, ended) = counts[index]
      guard made > 0 else { continue }
      var stack: [Int] = []
      var trace = allocation.trace
      let start = steps
      while trace != 0, steps - start < Self.deepest {
        steps += 1
        let node = traces[Int(trace) - 1]
        if node.pointer != 0 { stack.append(pointers[Int(node.pointer) - 1]) }
        trace = node.parent
      }
      guard steps <= mostFrames else {
        throw .malformed(path: path, what: "its stacks have more than \(mostFrames) frames, which is out of proportion")
      }
      let live = max(0, made - ended)
      builder.add(
        stack: stack,
        values: [
          made, made.multipliedReportingOverflow(by: allocation.size).partialValue, live,
          live.multipliedReportingOverflow(by: allocation.size).partialValue,
        ], labels: [.number("bytes", allocation.size, unit: "bytes")])
    }
    return builder.profile
  }
}
