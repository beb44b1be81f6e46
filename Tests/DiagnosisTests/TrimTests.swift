import Diagnosis
import Foundation
import HeapGraph
import ProcessImage
import Symbols
import TestSupport
import Testing
import Timeline

/// What is said to come back is held against what the C library gives back when the program asks it to.
struct TrimTests {
  @Test func whatATrimWouldGiveBackIsWhatItGivesBack() throws {
    let program = try SteppedProgram(try TestProgram.path("trimmer.c", .c(["-O2", "-pthread"])), [])
    let facts: HeapFacts
    do { facts = try CorpusTests.capture(program.pid, time: 0) } catch let error as FreezeError {
      print("skipped: this machine does not let a test freeze its own child: \(error)")
      return
    }
    let counted = Double(try #require(facts.books?.trimmable))
    let given = try program.turn()
    #expect(given > 20 * 1_048_576, "the program left too few holes: \(given)")
    #expect(abs(counted - given) <= 0.03 * given + 262_144, "counted \(counted), given back \(given)")
  }

  /// The option does not count but runs it: in the copy, while the program keeps its memory.
  @Test func aTrimInTheCopyGivesBackTheSame() throws {
    let program = try SteppedProgram(try TestProgram.path("trimmer.c", .c(["-O2", "-pthread"])), [])
    let (image, process) = try ProcessImage.frozen(pid: program.pid)
    defer { process.release() }
    let function = try #require(ImageSymbols(image).address(of: "malloc_trim"))
    let tried = Double(try process.tryTrim(function: function).bytes)
    let given = try program.turn()
    #expect(given > 20 * 1_048_576, "the program left too few holes: \(given)")
    #expect(abs(tried - given) <= 0.01 * given + 65_536, "tried \(tried), given back \(given)")
  }
}
