import Testing

@testable import Malloc

/// What differs between the releases of glibc that a walk must tell apart by itself.
struct SyntheticVersion: Sendable, CustomTestStringConvertible {
  var name: String
  var layout = GlibcLayout.withFastbins
  var heapInfoSize: UInt64 = 0x30
  var tcache = ThreadCaches.Format.counts
  var encoding = LinkEncoding.protected
  var parameters = MallocParameters.Layout.hugePages
  /// Most chunks in a thread's list.
  var fill = 7
  /// Chunk size of the thread cache struct.
  var tcacheChunk: UInt64 = 0x290
  /// Inactive threads point to a constant instead of null.
  var hasDummy = false

  var testDescription: String { name }

  static let all: [SyntheticVersion] = [
    SyntheticVersion(name: "2.31", heapInfoSize: 0x20, encoding: .plain, parameters: .beforeHugePages),
    SyntheticVersion(name: "2.32", heapInfoSize: 0x20, parameters: .beforeHugePages),
    SyntheticVersion(name: "2.34", heapInfoSize: 0x20, parameters: .beforeHugePages, tcacheChunk: 0x2a0),
    SyntheticVersion(name: "2.36"),
    SyntheticVersion(name: "2.41"),
    SyntheticVersion(name: "2.42", tcache: .slots, tcacheChunk: 0x300),
    SyntheticVersion(
      name: "2.43", layout: .withoutFastbins, tcache: .slots, parameters: .hugePageModes, fill: 16, tcacheChunk: 0x310,
      hasDummy: true),
  ]
}
