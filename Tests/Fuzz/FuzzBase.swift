import Foundation

@testable import ProcessImage

/// Sound inputs that are too large to be mutated as a whole: a run's bytes say what is changed in them.
///
/// Changes of 11 bytes: two choose a place, one what is put there, eight the value.
struct FuzzBase {
  var bytes: [UInt8] = []

  /// A table of the sampler, `FUZZ_TABLE` names its file.
  static let table = FuzzBase(file: "FUZZ_TABLE")

  init(file variable: String) {
    if let path = getenv(variable), let data = FileManager.default.contents(atPath: String(cString: path)) {
      bytes = [UInt8](data)
    }
  }

  struct Change {
    var place: Int
    var kind: UInt8
    var value: UInt64
  }

  static func changes(_ input: [UInt8]) -> [Change] {
    stride(from: 0, to: input.count - 10, by: 11).map { start in
      Change(
        place: Int(input[start]) | Int(input[start + 1]) << 8, kind: input[start + 2],
        value: (0..<8).reduce(0) { $0 | UInt64(input[start + 3 + $1]) << UInt64(8 * $1) })
    }
  }

  /// The place counts words that are not 0 and the first 128 words.
  func patched(by input: [UInt8]) -> [UInt8] {
    guard !bytes.isEmpty else { return input }
    var result = bytes
    let places = Self.tablePlaces
    guard !places.isEmpty else { return result }
    for change in Self.changes(input) {
      let at = places[change.place % places.count] + Int(change.kind & 7)
      let width = [1, 2, 4, 8][Int(change.kind >> 3) & 3]
      for index in 0..<width where at + index < result.count {
        result[at + index] = UInt8(truncatingIfNeeded: change.value >> (8 * UInt64(index)))
      }
    }
    return result
  }

  private static let tablePlaces: [Int] = stride(from: 0, to: table.bytes.count - 8, by: 8).filter { at in
    at < 1024 || table.bytes[at..<at + 8].contains { $0 != 0 }
  }
}
