import Foundation
import TestSupport
import Testing

@testable import Diagnosis

/// What each rule says about evidence of its cause, word for word, and that it says nothing where the cause is not there.
struct RuleGoldenTests {
  private static let names = RuleFixtures.all.map { "\($0.rule)" }

  @Test(arguments: names) func saysWhatItAlwaysSaid(name: String) throws {
    let fixture = try #require(RuleFixtures.all.first { "\($0.rule)" == name })
    let findings = fixture.rule.findings(fixture.evidence)
    #expect(!findings.isEmpty)
    let text =
      findings.map { finding in
        let growth = finding.growth.map { ", +\(Say.bytes($0))" } ?? ""
        return
          ([
            "\(finding.cause.title): \(finding.title) (\(finding.confidence.rawValue))\(growth), holds \(Say.bytes(finding.holds))"
          ]
          + [finding.site.map { "  site: \($0)" }].compactMap { $0 } + finding.evidence.map { "  - \($0)" }
          + finding.advice.map { "  change: \($0)" } + ["  wrong if: \(finding.overturnedBy)"]).joined(separator: "\n")
      }.joined(separator: "\n") + "\n"
    let difference = try Golden.difference("rules.\(name)", text)
    #expect(difference == nil, "\(difference ?? "")")
  }

  @Test func everyRuleHasAFixture() {
    #expect(Set(Rules.all.map { "\($0)" }) == Set(Self.names))
  }

  /// On a process that does nothing special only the healthy rules speak.
  @Test func rulesAreSilentOnOthersEvidence() {
    let quiet = Evidence(lives: [RuleFixtures.flat], heaps: [HeapFacts(time: 0), HeapFacts(time: 60_000)])
    for rule in Rules.all {
      let findings = rule.findings(quiet)
      #expect(findings.filter { !$0.cause.isHealthy }.isEmpty, "\(rule): \(findings)")
    }
  }

  @Test(arguments: [
    ("ArraySlice<UInt8>", true), ("Substring", true), ("Data", true), ("Optional<ByteBuffer>", true), ("Data?", true),
    ("_StringProcessing.Regex<(Substring, Substring)>.Match", true), ("_StringProcessing.Regex<Substring>", false),
    ("IDData", false), ("Item<Data>", false), ("[String : Data]", false), ("MyByteBuffer", false), ("", false),
  ]) func viewsAreKnownByTheirWholeName(type: String, isView: Bool) {
    #expect((CollectionPattern.view(type) != nil) == isView)
  }

  /// What is said of buckets does not help who keeps the room of an array.
  @Test(arguments: [
    ("[Int : Page] storage", true), ("[[Int : Page]] storage", false), ("[Row] storage", false),
    ("Set<Int> storage", false), ("[String : [Row]] storage", true), ("[(id: Int, Page)] storage", false),
  ]) func dictionariesAreKnownByTheirName(type: String, isDictionary: Bool) {
    #expect(CapacityRule.isDictionary(type) == isDictionary)
  }
}
