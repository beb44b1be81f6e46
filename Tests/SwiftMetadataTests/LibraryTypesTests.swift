import ProcessImage
import Testing

@testable import SwiftMetadata

private final class Box<Value> {
  var value: Value?
}

private struct State {}

/// Whose a library's generic class is. The program is whichever module is said to be.
@Suite struct LibraryTypesTests {
  private func library(_ object: AnyObject, program: String?) throws -> String? {
    try #require(OwnProcess.type(of: object, try OwnProcess.decoder(omittingModule: program))).library
  }

  @Test func aBoxAroundALibrarysTypeIsThatLibrarys() throws {
    #expect(try library(Box<State>(), program: "Program") == "SwiftMetadataTests")
    #expect(try library(Box<[String: Module]>(), program: "Program") == "ProcessImage")
    #expect(try library(Box<(Int, () -> State?)>(), program: "Program") == "SwiftMetadataTests")
  }

  @Test func aBoxThatMayBeTheProgramsIsNot() throws {
    // Of a type of the program's, of what anybody may put there, and where nobody knows which the program's module is.
    #expect(try library(Box<[String: Module]>(), program: "ProcessImage") == nil)
    #expect(try library(Box<[String: Int]>(), program: "Program") == nil)
    #expect(try library(Box<State>(), program: nil) == nil)
    #expect(try library(Box<State>(), program: "SwiftMetadataTests") == nil)
  }
}
