import Foundation
import TestSupport
import Testing

@testable import SamplerTable

/// What lies where a new table is to be made.
@Suite struct EarlierTableTests {
  private static let size = 2 << 20

  /// Makes a table where a file with these contents is; what is there afterwards.
  private func make(over contents: Data) throws -> (contents: Data?, isMade: Bool) {
    let folder = try makeTemporaryFolder("earlier")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/table"
    try contents.write(to: URL(fileURLWithPath: path))
    let table = try? TableFile(path: path, name: "", size: 1 << 20)
    defer { if let table { close(table.descriptor) } }
    return (FileManager.default.contents(atPath: path), table != nil)
  }

  /// It was made by a `memwhy run` that was killed before its program began.
  @Test func aTableThatNobodyUsedMakesRoom() throws {
    let result = try make(over: Data(count: Self.size))
    #expect(result.isMade && result.contents == Data(count: 1 << 20))
  }

  /// An image of a disk begins with zeros, too, and may be as large as a table.
  @Test(arguments: [510, 1024, (2 << 20) - 1]) func aFileOfSomebodyElsesStays(offset: Int) throws {
    var image = Data(count: Self.size)
    image[offset] = 0x55
    let result = try make(over: image)
    #expect(!result.isMade && result.contents == image)
  }

  /// No table is so small.
  @Test func aSmallFileOfZerosStays() throws {
    let result = try make(over: Data(count: 4096))
    #expect(!result.isMade && result.contents == Data(count: 4096))
  }
}
