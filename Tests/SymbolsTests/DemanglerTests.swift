import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Symbols

@Suite struct DemanglerTests {
  private static func displayNames() throws -> Set<String> {
    let path = try TestProgram.path("symbols.swift", .swift(["-parse-as-library", "-module-name", "app"]))
    let table = SymbolTable(try ELFFile(try DiskFile(path: path)))
    let demangler = Demangler(mainModule: "app")
    return Set((0..<table.count).map { demangler.displayName(table.name(of: table.entry($0))) })
  }

  /// From source to name: what the compiler of this machine mangles.
  @Test func namesOfARealProgram() throws {
    let names = try Self.displayNames()
    for expected in [
      "cache", "globalLet", "static Registry.shared", "static Registry.table", "Session.go()", "Session.work(_:)",
      "Session.start(name:_:)", "closure #1 in Session.start(name:_:)", "Session.secret(x:)",
      "closure #1 in Session.secret(x:)", "inner #1 in static Main.main()", "Session.n.getter",
      "Session.subscript.setter", "Session.init()", "Session.deinit", "type metadata for Session",
      "Sequence.makeIterator() of Foo", "initialization token of shared", "initialization token of cache",
      "initializer of table", "initial value of Session.onClose", "Foo.makeIterator()",
      "closure #1 in Foo.makeIterator()", "Array<A>.total()", "async_Main",
    ] {
      #expect(names.contains(expected), "\(expected)")
    }
    for name in names where !name.contains("metadata") && !name.contains("descriptor") && !name.contains("thunk") {
      #expect(!name.contains("resume partial function") && !name.contains("app."), "\(name)")
    }
  }

  @Test(arguments: [
    ("(2) await resume partial function for a.S.f(x: Swift.Int) async throws -> Swift.String", "S.f(x:)"),
    (
      "(1) suspend resume partial function for partial apply forwarder for closure #2 @Sendable () async -> () in a.g()",
      "closure #2 in g()"
    ),
    (
      "closure #1 (Swift.Int) -> (Swift.Int) -> () in closure #3 () -> () in static a.T.h<A where A: Swift.Equatable>(_: A, k: (Swift.Int, Swift.Int) -> ()) -> ()",
      "closure #1 in closure #3 in static T.h(_:k:)"
    ),
    (
      "generic specialization <Swift.Int, a.T> of Swift.Dictionary.subscript.getter : (A) -> B?",
      "Dictionary.subscript.getter"
    ),
    ("function signature specialization <Arg[0] = Dead> of generic specialization <a.T> of a.f<A>(A) -> ()", "f(_:)"),
    (
      "(extension in Foundation):Swift.String.init(contentsOf: Foundation.URL) throws -> Swift.String",
      "String.init(contentsOf:)"
    ),
    ("a.Outer.(Inner in _0123456789ABCDEF0123456789ABCDEF).run() -> ()", "Outer.Inner.run()"),
    ("static a.Registry.shared : a.Owner", "static Registry.shared"),
    ("a.cache : [Swift.Int : a.Entry]", "cache"),
    ("a.handler : (Swift.Int) -> ()", "handler"),
    ("a.Box<Swift.Int>.value.getter : Swift.Int", "Box<Int>.value.getter"),
    ("a.S.n.modify : Swift.Int with unmangled suffix \".resume.0\"", "S.n.modify"),
    ("type metadata for [Swift.Int : a.Entry]", "type metadata for [Int : Entry]"),
    ("aa.data.app.f() -> ()", "aa.data.app.f()"),
    ("", ""), ("(", "("), ("a.", ""), (" in ", " in "), ("f(((", "f(_:)"), (">>>)))", ">>>)))"), ("(3) ", ""),
  ]) func simplified(full: String, short: String) {
    #expect(NameSimplifier(mainModule: "a").simplify(full) == short)
  }

  @Test func modulesOfMangledNames() {
    for (mangled, module) in [
      ("$s8NIOPosix14singletonMTELGAA24MultiThreadedEventLoopGroupCvp", "NIOPosix"),
      ("$s4shop5cacheSDySiSSGvp", "shop"),
      ("_$s4shop5cacheSDySiSSGvp", "shop"), ("$s4shop", "shop"),
      // The standard library, an extension of its type, C, and what is none.
      ("$sSS4shopE3fooSivpZ", nil), ("$ss5printyyF", nil), ("environ", nil), ("$s", nil), ("$s99x", nil), ("$s0", nil),
      ("$s99999999999999999999x", nil), ("", nil),
    ] as [(String, String?)] { #expect(Demangler.module(of: mangled) == module, "\(mangled)") }
  }

  @Test func typesOfVariablesAreDemangled() {
    let demangler = Demangler(mainModule: "heapdemo")
    #expect(demangler.displayName("$s8heapdemo5cacheSDySiAA5EntryCGvp") == "cache")
    #expect(demangler.variableType("$s8heapdemo5cacheSDySiAA5EntryCGvp") == "[Int : Entry]")
    #expect(demangler.variableType("$s8heapdemo5EntryCMa") == nil)
    let simplifier = NameSimplifier(mainModule: "a")
    for (full, short) in [
      ("a.x : Swift.Optional<Swift.Dictionary<Swift.String, Swift.Array<a.T>>>", "[String : [T]]?"),
      ("a.x : Swift.Optional<() -> ()>", "(() -> ())?"), ("a.x : Swift.Set<Swift.Int>", "Set<Int>"),
      ("a.x : (Swift.Array<Swift.Int>) -> ()", "([Int]) -> ()"), ("a.x : Swift.Array<Swift.Int", "Array<Int"),
      ("a.x : MyArray<Swift.Int>", "MyArray<Int>"), ("a.x : Swift.Dictionary<A>", "Dictionary<A>"),
      ("a.x : Dictionary<,,,", "Dictionary<,,,"), ("a.x : Array<,", "Array<,"),
      ("a.x : Dictionary<,,>", "Dictionary<,,>"), ("a.x : Array<>", "[]"),
    ] {
      #expect(simplifier.variableType(full) == short)
    }
    #expect(demangler.variableType("main") == nil)
  }

  /// The module of a program for which nobody has chosen a name is `main`, whatever its file is called.
  @Test func theUnnamedModuleIsLeftOutToo() {
    let demangler = Demangler(mainModule: "service")
    #expect(demangler.displayName("$s4main5cacheSDySiAA5EntryCGvp") == "cache")
    #expect(demangler.variableType("$s4main5cacheSDySiAA5EntryCGvp") == "[Int : Entry]")
    let simplifier = NameSimplifier(mainModule: "a")
    #expect(simplifier.simplify("static main.Main.main() -> ()") == "static Main.main()")
    #expect(simplifier.simplify("domain.Queue.main.getter : b.Queue") == "domain.Queue.main.getter")
    #expect(NameSimplifier(mainModule: nil).simplify("main.Session.run() -> ()") == "main.Session.run()")
  }

  @Test func namesOfOtherLanguagesAreDemangledOrLeft() {
    #expect(Demangler.demangle("malloc") == nil)
    #expect(Demangler.demangle("$s") == nil)
    #expect(Demangler.demangle("") == nil)
    #expect(Demangler.demangle(String(repeating: "$sS", count: 100_000)) == nil)
    #expect(Demangler().displayName("malloc") == "malloc")
    #expect(Demangler().displayName("async_MainTQ0_") == "async_Main")
    #expect(Demangler().displayName("TQ0_") == "TQ0_")
    #expect(Demangler.demangle("_ZN5swift25TaskAllocatorSlabMetadataE") == "swift::TaskAllocatorSlabMetadata")
  }

  @Test func cacheIsSafeFromManyThreads() async {
    let demangler = Demangler()
    let expected = Demangler().displayName("$sSi1poiyS2i_SitFZ")
    #expect(expected.hasPrefix("static Int.+"))
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (0..<500).allSatisfy { _ in demangler.displayName("$sSi1poiyS2i_SitFZ") == expected }
        }
      }
      for await right in group { #expect(right) }
    }
  }
}
