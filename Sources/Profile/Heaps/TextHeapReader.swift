import Glibc

/// Heap profiles as text: gperftools' (`heap profile: … @ heapprofile`, gperftools docs/heapprofile.html), and jemalloc's (`heap_v2/…`, jemalloc
/// bin/jeprof.in, `ReadHeapProfile`). Both end with the process's `/proc/PID/maps`.
///
/// Sampled sizes are scaled up by the probability that an allocation of that size is sampled, as jeprof and pprof do: 1 / (1 - e^(-size/period)).
struct TextHeapReader {
  private enum Flavour { case gperftools, jemalloc }

  private let path: String
  private var lines: LineReader
  private var flavour = Flavour.gperftools
  private var isSampled = false
  private var period: Int64 = 1
  private var samples: [(stack: [UInt64], inuse: (count: Int64, size: Int64), allocated: (count: Int64, size: Int64))] =
    []
  private var maps = MappedLibraries()

  static func recognizes(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "heap profile:".utf8) || bytes.starts(with: "heap_v2/".utf8)
  }

  static func read(_ bytes: [UInt8], path: String) throws(ProfileError) -> Profile {
    var reader = TextHeapReader(path: path, lines: LineReader(bytes))
    try reader.readHead()
    try reader.readSamples()
    return reader.profile()
  }

  private init(path: String, lines: LineReader) {
    self.path = path
    self.lines = lines
  }

  private func malformed(_ what: String) -> ProfileError {
    .malformed(path: path, what: "\(what), in line \(lines.number)")
  }

  private mutating func readHead() throws(ProfileError) {
    var line = LineParser(lines.next() ?? [])
    if line.take("heap_v2/") {
      flavour = .jemalloc
      isSampled = true
      guard let number = line.number(), number >= 0 else { throw malformed("a head without a sampling period") }
      period = number
      return
    }
    guard line.take("heap profile:"), values(&line) != nil, line.take("@") else {
      throw malformed("a head that cannot be read")
    }
    let parts = line.word().split(separator: "/")
    switch parts.first {
    case "heapprofile", "growth", "growthz", "fragmentation", "fragmentationz": period = 1
    case "heap_v2", "heapz_v2":
      isSampled = true
      period = parts.count > 1 ? Int64(parts[1]) ?? 1 : 1
    case "heap":
      // Go's own text form: the number is twice the period.
      isSampled = true
      period = (parts.count > 1 ? Int64(parts[1]) ?? 2 : 2) / 2
    default: throw malformed("a heap profile of an unknown kind")
    }
  }

  /// `2: 128 [ 3: 192]`.
  private func values(_ line: inout LineParser) -> (inuse: (Int64, Int64), allocated: (Int64, Int64))? {
    guard let count = line.number(), line.take(":"), let size = line.number(), line.take("["),
      let allCount = line.number(), line.take(":"), let allSize = line.number(), line.take("]")
    else { return nil }
    return ((count, size), (allCount, allSize))
  }

  private mutating func readSamples() throws(ProfileError) {
    var stack: [UInt64]?
    while let bytes = lines.next() {
      var line = LineParser(bytes)
      line.skipSpaces()
      if line.isAtEnd || line.take("#") { continue }
      if line.take("MAPPED_LIBRARIES:") || line.take("--- Memory map: ---") {
        readMaps()
        return
      }
      switch flavour {
      case .gperftools:
        guard let values = values(&line), line.take("@") else { throw malformed("a sample that cannot be read") }
        samples.append((try addresses(&line), values.inuse, values.allocated))
      case .jemalloc:
        if line.take("@") {
          stack = try addresses(&line)
        } else if line.take("t*:") {
          // The sum over threads; before the first stack it is the whole program's.
          guard let values = values(&line) else { throw malformed("a sample that cannot be read") }
          if let stack { samples.append((stack, values.inuse, values.allocated)) }
          stack = nil
        } else if !line.take("t") {
          throw malformed("a line that cannot be read")
        }
      }
    }
  }

  private func addresses(_ line: inout LineParser) throws(ProfileError) -> [UInt64] {
    var result: [UInt64] = []
    line.skipSpaces()
    while !line.isAtEnd {
      guard let address = line.hexadecimal() else { throw malformed("an address that cannot be read") }
      // They are return addresses; one less lies on the call.
      result.append(address &- 1)
      line.skipSpaces()
    }
    return result
  }

  private mutating func readMaps() {
    while let line = lines.next() { maps.add(line) }
  }

  private func profile() -> Profile {
    let hasAllocated = samples.contains { $0.allocated != (0, 0) && $0.allocated != $0.inuse }
    var builder = ProfileBuilder(
      sampleTypes: hasAllocated
        ? Profile.heapSampleTypes : [.init("objects", "count"), .init("space", "bytes")])
    builder.profile.periodType = Profile.ValueType("space", "bytes")
    builder.profile.period = period
    builder.profile.dropFrames = RuntimeFunctions.dropFrames
    let mappings = maps.add(to: &builder)
    for sample in samples {
      let stack = sample.stack.map { address in
        builder.location(address: address, mapping: mappings.mapping(of: address))
      }
      let inuse = scaled(sample.inuse)
      let block = sample.inuse.count != 0 ? sample.inuse : sample.allocated
      let size = block.count == 0 ? 0 : block.size.dividedReportingOverflow(by: block.count).partialValue
      let allocated = scaled(sample.allocated)
      builder.add(
        stack: stack,
        values: (hasAllocated ? [allocated.count, allocated.size] : []) + [inuse.count, inuse.size],
        labels: size == 0 ? [] : [.number("bytes", size, unit: "")])
    }
    return builder.profile
  }

  private func scaled(_ value: (count: Int64, size: Int64)) -> (count: Int64, size: Int64) {
    guard isSampled, period > 1, value.count != 0, value.size != 0 else { return value }
    let mean = Double(value.size) / Double(value.count)
    let scale = 1 / (1 - exp(-mean / Double(period)))
    guard scale.isFinite, scale >= 1 else { return value }
    return (ProfileView.scaled(value.count, scale), ProfileView.scaled(value.size, scale))
  }
}
