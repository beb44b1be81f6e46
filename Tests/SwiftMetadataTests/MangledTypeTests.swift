import ProcessImage
import Symbols
import Testing

@testable import SwiftMetadata

@Suite struct MangledTypeTests {
  /// Strings that the compiler writes for fields and captures, and how a developer writes the type.
  static let examples: [(mangled: String, written: String)] = [
    ("Si", "Int"), ("SS", "String"), ("SiSg", "Int?"), ("SaySSG", "[String]"), ("SDySSSiG", "[String : Int]"),
    ("ShySSG", "Set<String>"), ("Si_SSt", "(Int, String)"), ("Si1x_SS1yt", "(x: Int, y: String)"),
    ("yyc", "() -> Void"),
    ("SiSS_SbtYbKc", "(String, Bool) throws -> Int"), ("yyYac", "() async -> Void"),
    ("yyXC", "@convention(c) () -> Void"),
    ("ypSg", "Any?"), ("yXl", "AnyObject"), ("s5Error_p", "any Error"), ("s5Error_pSg", "(any Error)?"),
    ("SSm", "String.Type"),
    ("8heapdemo4NodeCSgXw", "weak heapdemo.Node?"), ("8heapdemo4NodeCXo", "unowned heapdemo.Node"),
    ("8heapdemo4NodeC5InnerV", "heapdemo.Node.Inner"), ("SayypG", "[Any]"),
    ("SDySS8heapdemo4NodeCG", "[String : heapdemo.Node]"), ("8heapdemo4TreeO_ACt", "(heapdemo.Tree, heapdemo.Tree)"),
    ("Siz_Xx", "box of Int"), ("ScTySis5NeverOG", "Task<Int, Never>"),
    ("Bo", "Builtin.NativeObject"),
    ("SaySaySiGG", "[[Int]]"), ("ytIeAgHr_", "() async -> Void"), ("x", "τ_0_0"), ("SayxG", "[τ_0_0]"),
    ("qd_0_", "τ_1_1"),
    ("s6UInt64V", "UInt64"), ("SpySiG", "UnsafeMutablePointer<Int>"), ("So8NSObjectC", "NSObject"),
  ]

  private func decoder() -> MetadataDecoder {
    MetadataDecoder(
      image: ProcessImage(
        source: .bytes, pid: nil, name: "bytes", mappings: [], modules: [], threads: [], memory: ByteMemory(),
        files: NoModuleFiles()), symbols: NoSymbols())
  }

  private func parse(_ bytes: [UInt8], _ resolve: @escaping MangledTypeParser.Resolver = { _, _ in nil }) -> TypeNode? {
    var parser = MangledTypeParser(MangledText(bytes: bytes, address: 0x1000), resolve: resolve)
    return parser.parse()
  }

  @Test func typesAreWrittenAsInSource() {
    let decoder = decoder()
    for (mangled, written) in Self.examples {
      let name = parse(Array(mangled.utf8)).flatMap { node in decoder.ask { decoder.name(of: node) } }
      #expect(name == written, "\(mangled)")
    }
  }

  @Test func nothingIsMadeUpFromWhatIsNotUnderstood() {
    for text in [
      "", "?", "S", "Sg", "G", "y", "_", "8heapdemo", "99heap", "SaySi", "A", "AZ", "XX", "Si Si", "Qz", "R", "zzzz",
    ] {
      #expect(parse(Array(text.utf8)) == nil, "\(text)")
    }
  }

  /// The compiler's own names through our parser: same type, same spelling as the run time's.
  @Test func punycodeAndWords() {
    #expect(Punycode.decode(Array("Bcher_kva".utf8)).map { String(decoding: $0, as: UTF8.self) } == "Bücher")
    let decoder = decoder()
    // `ViewController` repeats the words of an earlier identifier.
    let node = parse(Array("14ViewController0aB4InfoV".utf8))
    #expect(node.flatMap { node in decoder.ask { decoder.name(of: node) } } == "ViewController.ViewControllerInfo")
  }

  @Test func mutatedStringsNeverTrap() {
    var random = SplitMix(seed: 0x5eed_0001)
    let seeds = Self.examples.map { Array($0.mangled.utf8) }
    let decoder = decoder()
    for _ in 0..<60_000 {
      var bytes = seeds[random.below(seeds.count)]
      for _ in 0...random.below(3) { bytes += random.below(4) == 0 ? seeds[random.below(seeds.count)] : [] }
      for _ in 0...random.below(4) where !bytes.isEmpty {
        switch random.below(4) {
        case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
        case 1: bytes.remove(at: random.below(bytes.count))
        case 2: bytes.insert(UInt8(0x30 + random.below(0x4b)), at: random.below(bytes.count + 1))
        default: bytes.insert(contentsOf: [1, 2, 3, 4, 5], at: random.below(bytes.count + 1))
        }
      }
      let symbolic = random.below(4)
      let node = parse(bytes) { _, _ in
        switch symbolic {
        case 0: nil
        case 1: .extendedShape
        case 2: .type(.existential(protocols: [.descriptor(8)], superclass: nil, isClassBound: true))
        default: .type(.nominal(.descriptor(16), arguments: []))
        }
      }
      guard let node else { continue }
      decoder.ask {
        _ = decoder.name(of: node)
        if let layout = decoder.layout(of: node, depth: 0) {
          #expect(layout.size >= 0 && layout.stride >= layout.size)
          #expect(layout.slots.allSatisfy { $0.offset >= 0 && $0.offset + 8 <= layout.size })
        }
      }
    }
  }

  /// Substitutions that double the type at every step must not double the work.
  @Test func exponentialTypesAreCutShort() {
    var text = "Si_SitSg"
    for index in 0..<20 {
      let letter = String(UnicodeScalar(UInt8(0x41 + index)))
      text += "_A\(letter)tSg"
    }
    let decoder = decoder()
    let clock = ContinuousClock()
    let parsed = parse(Array(text.utf8))
    #expect(parsed != nil)
    let elapsed = clock.measure {
      if let node = parsed {
        decoder.ask {
          _ = decoder.name(of: node)
          _ = decoder.layout(of: node, depth: 0)
        }
      }
    }
    #expect(elapsed < .seconds(5))
  }
}

/// Sebastiano Vigna's SplitMix64: small, seeded, the same everywhere.
struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
