import Foundation
import Testing
import Timeline

@testable import Diagnosis

/// What threads and open files are called of which there are more and more.
struct NamedCountsTests {
  @Test func numbersInNamesTellOneFromTheOther() {
    let names = NamedCounts(["NIO-ELT-0-#1", "NIO-ELT-3-#12", "pool", "", "7"])
    #expect(names.counts == ["NIO-ELT-*-#*": 2, "pool": 1, "": 1, "*": 1])
    let many = NamedCounts((0..<1000).map { String(repeating: "x", count: $0) })
    #expect(many.counts.count == NamedCounts.most && many.counts.keys.allSatisfy { $0.utf8.count <= 256 })
  }

  @Test func theNameOfMostThatCame() throws {
    let before = NamedCounts(["poller", "main"])
    let after = NamedCounts(["main", "other"] + Array(repeating: "poller", count: 50))
    let most = try #require(after.most(of: 60, since: before))
    #expect(most.name == "poller" && most.more == 49)
    // Not where others are more than half.
    #expect(after.most(of: 120, since: before) == nil && before.most(of: 1, since: after) == nil)
    // A file, else its folder.
    let one = NamedCounts(Array(repeating: "/etc/hosts", count: 40) + Array(repeating: "/etc/", count: 45))
    #expect(one.most(of: 45, since: NamedCounts([]))?.name == "/etc/hosts")
    let many = NamedCounts((0..<40).flatMap { ["/data/upload-\(UUID())", "/data/"] + ($0 < 3 ? ["/x"] : []) })
    #expect(many.most(of: 40, since: NamedCounts([]))?.name == "/data/")
  }

  @Test func filesOfThisProcess() throws {
    let path = NSTemporaryDirectory() + "memwhy-open-files-\(getpid())"
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    defer { unlink(path) }
    let before = try #require(NamedCounts.files(of: getpid()))
    let opened = (0..<200).map { _ in open(path, O_RDONLY | O_CLOEXEC) }
    defer { for descriptor in opened { close(descriptor) } }
    let after = try #require(NamedCounts.files(of: getpid()))
    let most = try #require(after.most(of: 200, since: before))
    #expect(most.name == NamedCounts.withoutNumbers(try #require(realpath(path))) && most.more == 200)
    #expect(NamedCounts.files(of: 0) == nil)
  }

  private func realpath(_ path: String) -> String? {
    guard let real = Glibc.realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// What to look for in the code.
  @Test func findingsNameThem() throws {
    func heap(_ minute: Int64, _ count: Int) -> HeapFacts {
      var facts = HeapFacts(time: 1_700_000_000_000 + minute * 60_000)
      facts.threadNames = NamedCounts(["main"] + (0..<count).map { "poller-\($0)" })
      facts.fileNames = NamedCounts((0..<count).flatMap { _ in ["/etc/hosts", "/etc/"] })
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in
      sample[.threads] = 10 + time
      (sample[.descriptors], sample[.openFiles]) = (20 + time, 10 + time)
    }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 10), heap(1, 70)])
    let threads = try #require(ThreadsRule.findings(evidence).first)
    #expect(threads.title == "70 threads, most of the new ones called poller-*")
    #expect(threads.evidence.contains { $0.contains("60 are called poller-*") }, "\(threads.evidence)")
    let files = try #require(DescriptorsRule.findings(evidence).first)
    #expect(files.title.hasSuffix("files, most of them /etc/hosts"), "\(files.title)")
    // Captures of before, and cores, know none.
    let bare = Evidence(lives: [samples], heaps: [HeapFacts(time: 1), HeapFacts(time: 60_001)])
    #expect(ThreadsRule.findings(bare).first?.title == "70 threads")
  }

  @Test func namesAreWordsOfAShell() {
    #expect(Say.word("Session") == "Session" && Say.word("Shop.Cart_2") == "Shop.Cart_2")
    #expect(Say.word("[String : Offer]") == "'[String : Offer]'" && Say.word("Box<Int>") == "'Box<Int>'")
    #expect(Say.word("it's") == "'it'\\''s'" && Say.word("") == "''")
  }
}
