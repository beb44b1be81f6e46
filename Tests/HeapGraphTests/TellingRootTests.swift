import ProcessImage
import Symbols
import Testing

@testable import HeapGraph

/// A path begins where a reader knows his way: at the program's own variable, or at the first of its objects in a library's inside.
struct TellingRootTests {
  /// Words of the page of globals by name, in order.
  private struct Variables: SymbolSource {
    let names: [String]

    func symbol(at address: UInt64) -> Symbol? {
      let index = Int((address - SyntheticHeap.globals) / 8)
      guard names.indices.contains(index) else { return nil }
      return Symbol(address: address & ~7, size: 8, mangledName: names[index], module: "/bin/test", isData: true)
    }
    func address(of mangledName: String) -> UInt64? { nil }
  }

  /// Two variables of a library, and one of the program: `test` is the module of the executable.
  private static let loop = "$s3Lib4loopAA4LoopCvp"
  private static let other = "$s3Lib5otherAA4LoopCvp"
  private static let shared = "$s4test6sharedAA5StoreCvp"

  /// From the library's variable through its inside to a handler of the program.
  private func chain(_ heap: SyntheticHeap, to page: UInt64, contexts: Int) -> UInt64 {
    let loop = heap.classType("Lib.Loop", fields: ["pipeline"])
    let pipeline = heap.classType("Lib.Pipeline", fields: ["head"])
    let context = heap.classType("Lib.Context", fields: ["next"])
    let last = heap.classType("Lib.Last", fields: ["handler"])
    let handler = heap.classType("Handler", fields: ["page"], isOwn: true)
    var link = heap.block([last, 3, heap.block([handler, 3, page])])
    for _ in 0..<contexts { link = heap.block([context, 3, link]) }
    return heap.block([loop, 3, heap.block([pipeline, 3, link])])
  }

  private func holders(_ heap: SyntheticHeap, _ names: [String]) throws -> (HeapHolders, ProcessImage) {
    let (analysis, image) = try heap.keepingReferences()
    return (try HeapHolders(analysis: analysis, image: image, symbols: Variables(names: names)), image)
  }

  /// Even where the way from there is longer, and the library comes first in the alphabet.
  @Test func theProgramsOwnVariableComesFirst() throws {
    let heap = SyntheticHeap()
    let page = heap.block([heap.classType("Page", fields: [], isOwn: true), 3])
    let node = heap.classType("Node", fields: ["next"], isOwn: true)
    var own = page
    for _ in 0..<6 { own = heap.block([node, 3, own]) }
    let store = heap.classType("Store", fields: ["first"], isOwn: true)
    heap.root(chain(heap, to: page, contexts: 1))
    heap.root(heap.block([store, 3, own]))
    let (holders, image) = try holders(heap, [Self.loop, Self.shared])
    let path = try #require(try holders.paths(to: .type("Page"), image: image).groups.first)
    #expect(path.root.title == "shared : Store" && path.root.library == nil, "\(path)")
    #expect(path.text.hasPrefix("shared : Store -> Store.first -> Node"), "\(path.text)")
    let held = try holders.holders(cut: 0).holders.first { $0.kind == .shared && $0.name == "Page" }
    #expect(held?.heldBy == ["shared : Store"], "\(held.debugDescription)")
  }

  /// Where only the library leads there: the program's handler, and of the library the step that holds that.
  @Test func aLibrarysInsideIsLeftOut() throws {
    let heap = SyntheticHeap()
    let page = heap.block([heap.classType("Page", fields: [], isOwn: true), 3])
    heap.root(chain(heap, to: page, contexts: 3))
    heap.root(chain(heap, to: page, contexts: 9))
    let (holders, image) = try holders(heap, [Self.loop, Self.other])
    let path = try #require(try holders.paths(to: .type("Page"), image: image).groups.first)
    #expect(path.root.title == "Lib.loop : Lib.Loop" && path.root.library == "Lib")
    #expect(path.text == "Lib.loop : Lib.Loop -> … -> Lib.Last.handler -> Handler.page -> Page", "\(path.text)")
    #expect(
      path.text(whole: true).hasPrefix("Lib.loop : Lib.Loop -> Lib.Loop.pipeline -> Lib.Pipeline.head -> Lib.Context"))
    let held = try holders.holders(cut: 0).holders.first { $0.kind == .shared && $0.name == "Page" }
    #expect(held?.heldBy == ["Handler"], "\(held.debugDescription)")
  }

  /// A register of a thread that only waits leads to what it worked on before; one of a thread that is in the program says something.
  @Test(arguments: [true, false]) func idleThreadsTellNothing(isIdle: Bool) throws {
    let heap = SyntheticHeap()
    let page = heap.block([heap.classType("Page", fields: [], isOwn: true), 3])
    let code: UInt64 = 0x7f00_0000_0000
    heap.libraries = [
      Module(
        path: isIdle ? "/lib/libc.so.6" : "/lib/libshop.so", bias: 0, start: code, end: code + 4096, writableRanges: [])
    ]
    heap.threads = [
      ThreadState(
        tid: 7, name: "", stackPointer: 0x7ffe_0000_0000, instructionPointer: code, threadPointer: 0, registers: [page])
    ]
    let (holders, _) = try holders(heap, [])
    let block = holders.references.heap.blocks.index(startingAt: page)
    #expect(holders.leader(of: block)?.contains("a register of thread 7") == true)
    #expect((holders.tellingLeader(of: block) == nil) == isIdle)
  }

  /// What the library keeps for itself stays with its variable.
  @Test func whatIsTheLibrarysStaysWithIt() throws {
    let heap = SyntheticHeap()
    let timers = heap.block([heap.classType("Lib.Timers", fields: []), 3])
    let loop = heap.classType("Lib.Loop", fields: ["timers"])
    heap.root(heap.block([loop, 3, timers]))
    heap.root(heap.block([loop, 3, timers]))
    let (holders, image) = try holders(heap, [Self.loop, Self.other])
    let held = try holders.holders(cut: 0).holders.first { $0.kind == .shared }
    #expect(held?.heldBy == ["Lib.loop : Lib.Loop"], "\(held.debugDescription)")
    let path = try #require(try holders.paths(to: .type("Lib.Timers"), image: image).groups.first)
    #expect(path.firstOwn == nil && path.text == "Lib.loop : Lib.Loop -> Lib.Loop.timers -> Lib.Timers", "\(path.text)")
  }
}
