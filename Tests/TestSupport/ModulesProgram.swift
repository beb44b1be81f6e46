/// What `Tests/Programs/modules.c` prints about itself: name -> number.
public struct ProgramFacts {
  private let values: [String: UInt64]

  public init(_ output: String) {
    var values: [String: UInt64] = [:]
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 2 else { continue }
      let text = words[1]
      values[String(words[0])] = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }
    self.values = values
  }

  public func value(_ name: String) throws -> UInt64 {
    guard let value = values[name] else { throw TestFailure("the program did not print \(name)") }
    return value
  }
}

/// The ways in which the test program is linked.
public enum Linking: String, CaseIterable, Sendable {
  /// gold cannot link static PIEs, so lld does: one more layout.
  case pie, fixed, `static`, staticPie

  public var flags: [String] {
    switch self {
    case .pie: ["-pie", "-fPIE", "-Wl,--build-id"]
    case .fixed: ["-no-pie", "-Wl,--build-id"]
    case .static: ["-static", "-Wl,--build-id"]
    case .staticPie: ["-static-pie", "-fPIE", "-fuse-ld=lld", "-Wl,--build-id"]
    }
  }

  public func program(_ name: String = "modules.c", strip: Bool = false, extra: [String] = []) throws -> String {
    try TestProgram.path(name, .c(flags + extra), strip: strip)
  }
}
