extension Profile {
  /// A file that was mapped: the executable or a library.
  public struct Mapping: Sendable, Hashable {
    /// Run-time addresses.
    public var start, limit: UInt64
    /// Offset in the file of the byte at `start`.
    public var fileOffset: UInt64
    /// Path; 0 if unknown.
    public var file: StringID
    /// GNU build id as hex; 0 if unknown.
    public var buildID: StringID
    /// Which details its locations already have: no need to symbolise them again.
    public var hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames: Bool

    public init(
      start: UInt64, limit: UInt64, fileOffset: UInt64 = 0, file: StringID, buildID: StringID = 0,
      hasFunctions: Bool = false, hasFilenames: Bool = false, hasLineNumbers: Bool = false,
      hasInlineFrames: Bool = false
    ) {
      self.start = start
      self.limit = limit
      self.fileOffset = fileOffset
      self.file = file
      self.buildID = buildID
      self.hasFunctions = hasFunctions
      self.hasFilenames = hasFilenames
      self.hasLineNumbers = hasLineNumbers
      self.hasInlineFrames = hasInlineFrames
    }
  }

  public struct Function: Sendable, Hashable {
    /// For people.
    public var name: StringID
    /// As the linker knows it: mangled.
    public var systemName: StringID
    public var file: StringID
    public var startLine: Int64

    public init(name: StringID, systemName: StringID = 0, file: StringID = 0, startLine: Int64 = 0) {
      self.name = name
      self.systemName = systemName
      self.file = file
      self.startLine = startLine
    }
  }

  /// A line of a function.
  public struct Line: Sendable, Hashable {
    /// Index into `functions`; nil if unknown.
    public var function: Int? { functionIndex == .max ? nil : Int(functionIndex) }
    /// 0 if unknown.
    public var number: Int64
    /// `.max` for none: an optional would take 4 bytes more.
    var functionIndex: UInt32

    public init(function: Int?, number: Int64 = 0) {
      functionIndex = function.map { UInt32(clamping: $0) } ?? .max
      self.number = number
    }
  }

  /// A place in the program's code.
  public struct Location: Sendable, Hashable {
    /// Run-time address; 0 if unknown.
    public var address: UInt64
    /// Range in `Profile.lines`: several where functions are inlined, the innermost first.
    public var firstLine, lineCount: Int
    /// Index into `mappings`; nil if unknown.
    public var mapping: Int? { mappingIndex == .max ? nil : Int(mappingIndex) }
    var mappingIndex: UInt32
    /// Other places were merged into it (identical code folding).
    public var isFolded: Bool

    public init(address: UInt64, mapping: Int?, firstLine: Int, lineCount: Int, isFolded: Bool = false) {
      self.address = address
      self.firstLine = firstLine
      self.lineCount = lineCount
      mappingIndex = mapping.map { UInt32(clamping: $0) } ?? .max
      self.isFolded = isFolded
    }
  }

  /// What a sample is marked with: a text, or a number with a unit.
  public struct Label: Sendable, Hashable {
    public var key: StringID
    /// 0: the label is a number.
    public var text: StringID
    public var number: Int64
    public var unit: StringID

    public init(key: StringID, text: StringID) {
      self.key = key
      self.text = text
      number = 0
      unit = 0
    }

    public init(key: StringID, number: Int64, unit: StringID) {
      self.key = key
      text = 0
      self.number = number
      self.unit = unit
    }

    /// pprof's rule: no text, and a number or a unit.
    public var isNumber: Bool { text == 0 && (number != 0 || unit != 0) }
  }
}
