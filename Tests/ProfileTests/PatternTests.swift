import Testing

@testable import Profile

/// Regular expressions in RE2's syntax, in time in proportion to the text.
@Suite struct PatternTests {
  @Test func matchesAsRE2Does() throws {
    let cases: [(String, [String], [String])] = [
      ("json", ["encoding/json.Marshal", "json"], ["jso", ""]),
      ("^main\\.", ["main.f"], ["xmain.f", "mainf"]),
      ("a|b|", ["", "c"], []),
      ("^(?:a|bc)+$", ["a", "bca", "abc"], ["b", ""]),
      ("(?i)STORE", ["Store.load", "store"], ["stor"]),
      ("(?i:s)tore", ["Store", "store"], ["STORE"]),
      ("a(?i)b", ["aB", "ab"], ["Ab"]),
      ("x{2,3}y", ["xxy", "xxxxy"], ["xy"]),
      ("^x{2}$", ["xx"], ["x", "xxx"]),
      ("a{,2}", ["a{,2}"], ["aa"]),
      ("[[:alpha:]_]+\\d", ["foo_1"], ["1", "foo"]),
      ("[^a-c]", ["d"], ["abc"]),
      ("[]a]", ["]"], ["b"]),
      ("[a\\-z]", ["-"], ["b"]),
      ("\\bload\\b", ["Store.load()", "load"], ["reload", "loads"]),
      ("\\Bload", ["reload"], ["load"]),
      ("operator\\(\\)", ["operator()"], ["operator"]),
      ("\\Qa.b\\E+", ["a.bb"], ["axb"]),
      ("\\x41\\x{42}", ["AB"], ["ab"]),
      (".", ["a"], ["", "\n"]),
      ("(?s).", ["\n"], [""]),
      ("(?m)^b$", ["a\nb\nc"], ["abc"]),
      ("a*?b+?c??", ["b"], ["a"]),
      ("(?P<name>x)y", ["xy"], ["x"]),
      ("Größe", ["Größe"], ["Grosse"]),
      ("Gr.ße", ["Größe"], []),
    ]
    for (text, hits, misses) in cases {
      let pattern = try Pattern(text, option: "--focus")
      for hit in hits { #expect(pattern.matches(hit), "\(text) should match \(hit)") }
      for miss in misses { #expect(!pattern.matches(miss), "\(text) should not match \(miss)") }
    }
  }

  @Test(arguments: [
    "(", ")", "a)", "[", "[a", "*", "+a", "a**", "\\", "\\q", "(?z)", "a{2,1}", "a{9999}", "(?P<x", "[z-a]",
    "\\x{110000}",
    "((((a{1000}){1000}){1000}){1000}){1000}", String(repeating: "(", count: 5000),
  ]) func refusesWithAReason(text: String) {
    #expect(throws: ProfileError.self) { try Pattern(text, option: "--focus") }
  }

  /// Backtracking would take 2^30 steps and more; a pattern may come from a profile.
  @Test(.timeLimit(.minutes(10))) func isNeverSlow() throws {
    let text = String(repeating: "a", count: 2000)
    for pattern in ["(a*)*b", "(a|aa)+$b", "(a?){60}a{60}b", "(.*)(.*)(.*)(.*)x"] {
      #expect(try !Pattern(pattern, option: "").matches(text))
    }
  }
}
