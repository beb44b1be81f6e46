/// A profile: stacks with values, and what the addresses in them mean.
///
/// The model is pprof's (google/pprof, proto/README.md): samples refer to locations, locations to lines of functions and to a mapping. Ids are gone: a part
/// is referred to by its index. Samples are flat arrays (`SampleTable`), names are interned (`StringTable`). Make one with `ProfileBuilder`, or read a
/// file with `ProfileReader`.
public struct Profile: Sendable {
  /// What each value of a sample is; at least one.
  public var sampleTypes: [ValueType] = []
  /// The type that is shown unless another one is asked for; empty: the last one.
  public var defaultSampleType = ""
  public var strings = StringTable()
  /// The first is the main binary.
  public var mappings: [Mapping] = []
  public var functions: [Function] = []
  public var locations: [Location] = []
  /// Lines of all locations; a location has a range of them.
  public var lines: [Line] = []
  public var samples: SampleTable

  /// Patterns of functions to leave out, together with what they call; empty for none.
  public var dropFrames = ""
  /// Exceptions to `dropFrames`.
  public var keepFrames = ""
  /// When it was taken, in nanoseconds since 1970; 0 if unknown.
  public var timeNanoseconds: Int64 = 0
  /// Length of the time that it covers, in nanoseconds; 0 if unknown.
  public var durationNanoseconds: Int64 = 0
  /// What lies between two samples: `space`, `bytes` for a sampled heap profile.
  public var periodType = ValueType("", "")
  public var period: Int64 = 0
  public var comments: [String] = []

  public init(sampleTypes: [ValueType] = []) {
    self.sampleTypes = sampleTypes
    samples = SampleTable(valuesPerSample: sampleTypes.count)
  }

  /// A kind of value and its unit: `inuse_space`, `bytes`.
  public struct ValueType: Sendable, Hashable {
    public var type: String
    public var unit: String

    public init(_ type: String, _ unit: String) {
      self.type = type
      self.unit = unit
    }
  }

  /// The four values of a heap profile, in the order that pprof's users know.
  public static let heapSampleTypes = [
    ValueType("alloc_objects", "count"), ValueType("alloc_space", "bytes"), ValueType("inuse_objects", "count"),
    ValueType("inuse_space", "bytes"),
  ]

  /// Index of the sample type that is shown when none is named.
  public var defaultSampleIndex: Int {
    let last = max(sampleTypes.count - 1, 0)
    if defaultSampleType.isEmpty { return last }
    return sampleTypes.firstIndex { $0.type == defaultSampleType } ?? last
  }

  /// The text of an interned name.
  public func text(_ id: StringID) -> String { strings[id] }

  /// Lines of a location, the innermost inlined function first.
  public func lines(of location: Location) -> ArraySlice<Line> {
    lines[location.firstLine..<location.firstLine + location.lineCount]
  }
}
