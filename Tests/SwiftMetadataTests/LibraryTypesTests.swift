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

  /// Blocks of `std::make_shared`, and the counts beside an object, are called by what a developer wrote.
  @Test(arguments: [
    (
      "_ZTVSt23_Sp_counted_ptr_inplaceI4PeerSaIvELN9__gnu_cxx12_Lock_policyE2EE", "std::shared_ptr<Peer>"
    ), ("_ZTVSt15_Sp_counted_ptrIP4PeerLN9__gnu_cxx12_Lock_policyE2EE", "counts of std::shared_ptr<Peer>"),
    ("_ZTV4Peer", "Peer"),
  ])
  func sharedPointersHaveTheirOwnName(symbol: String, name: String) {
    #expect(MetadataDecoder.nativeName(symbol) == name)
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
