import ArgumentParser
import Reports
import Testing
import Timeline

@testable import MemwhyCLI

struct CommandLineTests {
  @Test func flagsMayStandBeforeTheVerb() {
    #expect(Memwhy.verbFirst(["-q", "--json", "retained", "4711"]) == ["retained", "-q", "--json", "4711"])
    #expect(Memwhy.verbFirst(["--help", "leaks"]) == ["leaks", "--help"])
    // What follows an option with a value may be that value.
    for same in [["-q", "4711"], ["--html", "leaks", "4711"], ["leaks", "-q", "4711"], ["-q"], []] {
      #expect(Memwhy.verbFirst(same) == same)
    }
  }

  @Test func aBarePIDIsADiagnosis() throws {
    let verb = try #require(try Memwhy.parseAsRoot(["4711"]) as? Diagnose)
    #expect(verb.target.pid == 4711)
    #expect(verb.target.freeze == .cow)
    #expect(verb.findings.failOn == .none)
    #expect(try Memwhy.parseAsRoot(["--once", "4711"]) is Diagnose)
    #expect(try Memwhy.parseAsRoot(["diagnose", "--once", "4711"]) is Diagnose)
  }

  @Test func aMistypedVerbIsNoProcessID() {
    // Whatever is called so on this machine.
    func unknownVerb(_ arguments: [String]) -> CLIError? { Memwhy.unknownVerb(arguments, processes: { _ in [] }) }
    for word in ["4711", "--once", "-v", "leaks", "help", "export"] {
      #expect(unknownVerb([word, "1"]) == nil, "\(word)")
    }
    #expect(unknownVerb([]) == nil)
    #expect(unknownVerb(["help", "leaks"]) == nil && unknownVerb(["help", "--hidden"]) == nil)
    #expect(unknownVerb(["help", "xyz"]) == .usage("there is no verb 'xyz'; `memwhy --help` lists them"))
    let leak = unknownVerb(["leak", "4711"])
    #expect(leak == .usage("there is no verb 'leak'; did you mean `leaks`; `memwhy --help` lists them"))
    #expect(unknownVerb(["xyz"]) == .usage("there is no verb 'xyz'; `memwhy --help` lists them"))
  }

  /// Somebody who knows the name of the service only is told its processes.
  @Test func aNameIsAnsweredWithTheProcessesOfThatName() {
    func processes(_ count: Int32) -> [NamedProcesses.Found] {
      (0..<count).map { .init(pid: 20 - $0, parent: 17, resident: UInt64(40 - $0) << 20) }
    }
    #expect(
      Memwhy.unknownVerb(["shop"], processes: { $0 == "shop" ? processes(1) : [] })
        == .usage("there is no verb 'shop', but a process of that name: 20 (40.0 MiB); give an id: 20"))
    #expect(
      ProcessOption.hint("shop", processes(7))
        == "processes of that name: 20 (40.0 MiB), 19 (39.0 MiB), 18 (38.0 MiB), 17 (37.0 MiB, has started others), "
        + "16 (36.0 MiB) and 2 more; give an id: 20 is the largest")
    #expect(Memwhy.unknownVerb(["leak", "1"], processes: { _ in [] })?.description.contains("`leaks`") == true)
    // Not where help was asked for.
    #expect(
      Memwhy.unknownVerb(["help", "shop"], processes: { _ in processes(1) })
        == .usage("there is no verb 'shop'; `memwhy --help` lists them"))
    #expect(throws: (any Error).self) { try Memwhy.parseAsRoot(["leaks", "no-such-process-name"]) }
    #expect((try? Memwhy.parseAsRoot(["leaks", "4711"]) as? LeaksVerb)?.target.pid == 4711)
  }

  @Test func usageErrorsNameTheHelpOfTheirVerb() {
    #expect(Memwhy.helpCommand(["leaks", "--nope"]) == "memwhy leaks --help")
    #expect(Memwhy.helpCommand(["4711", "--nope"]) == "memwhy diagnose --help")
    #expect(Memwhy.helpCommand([]) == "memwhy --help")
  }

  @Test func takesEveryOption() throws {
    let arguments = [
      "leaks", "--core", "core.1", "--root", "/r", "--debug-dir", "/d", "--debug-dir", "/e", "--freeze", "stop",
      "--memory-limit", "512MiB", "--cow-budget", "1.5G", "--json", "--fail-on", "likely", "--suppressions", "s",
      "--limit", "3", "-v", "--color", "never", "--show-addresses",
    ]
    let verb = try #require(try Memwhy.parseAsRoot(arguments) as? LeaksVerb)
    let request = try verb.target.request(verb: "leaks")
    #expect(request.target == .core(path: "core.1", root: "/r"))
    #expect(request.debugDirectories == ["/d", "/e"])
    #expect(request.freeze == .stop)
    #expect(request.memoryLimit?.bytes == 512 << 20)
    #expect(request.cowBudget?.bytes == 3 << 29)
    #expect(verb.findings.failOn.threshold == .likely)
    #expect(verb.output.limit == 3)
  }

  @Test(arguments: [
    ["leaks"], ["0"], ["-5"], ["4711", "--core", "c"], ["4711", "--root", "/"], ["4711", "--limit", "0"],
    ["4711", "-q", "-v"],
    ["4711", "--freeze", "hard"], ["4711", "--memory-limit", "lots"], ["4711", "--fail-on", "maybe"], ["abc"],
    ["4711", "--nope"],
    ["99999999999"], ["heap", "--fail-on", "certain", "1"], ["4711", "4712"],
  ])
  func refusesAsUsage(arguments: [String]) {
    do {
      var command = try Memwhy.parseAsRoot(arguments)
      try command.run()
      Issue.record("accepted \(arguments)")
    } catch {
      #expect(Memwhy.exitCode(for: error).rawValue == ExitStatus.usage, "\(arguments): \(error)")
    }
  }

  @Test(arguments: Memwhy.configuration.subcommands.map { $0._commandName })
  func everyVerbHelpsWithAnExample(verb: String) throws {
    let type = try #require(Memwhy.configuration.subcommands.first { $0._commandName == verb })
    #expect(type.helpMessage().contains("Example: memwhy"))
  }

  /// What the help shows can be typed as it stands.
  @Test(arguments: Memwhy.configuration.subcommands.map { $0._commandName })
  func everyExampleIsACommandLine(verb: String) throws {
    let type = try #require(Memwhy.configuration.subcommands.first { $0._commandName == verb })
    let help = type.helpMessage(columns: 80).replacing("\\\n", with: " ")
    for line in help.split(separator: "\n") {
      guard let example = line.firstMatch(of: /^(Example|Then): .*?memwhy (.*)$/)?.2 else { continue }
      // Up to the next command of a list; what stands between quotes is one word.
      let command = example.split(separator: " && ", maxSplits: 1)[0]
      let words = command.split(separator: "'", omittingEmptySubsequences: false).enumerated().flatMap { index, part in
        index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
      }
      #expect(throws: Never.self, "\(line)") { try Memwhy.parseAsRoot(words) }
    }
  }
}

struct FindingTests {
  private func status(_ failOn: String, _ certainty: ReportModel.Certainty?) throws -> Int32 {
    let verb = try #require(try Memwhy.parseAsRoot(["leaks", "--fail-on", failOn, "1"]) as? LeaksVerb)
    let groups = certainty.map {
      [ReportModel.LeakGroup(kind: .chain, certainty: $0, type: "A", instances: 1, blocks: 1, bytes: 16)]
    }
    let report = ReportModel(
      tool: .init(version: "0"), verb: "leaks", target: .init(source: .frozen, pid: 1, name: "a"),
      heap: .init(allocator: "glibc", isExact: true, blocks: 1, bytes: 16), leaks: .init(groups: groups ?? []))
    return verb.findings.exitStatus(for: report)
  }

  @Test func failsAtOrAboveTheThreshold() throws {
    #expect(try status("none", .certain) == 0)
    #expect(try status("certain", .likely) == 0)
    #expect(try status("certain", .certain) == 1)
    #expect(try status("likely", .certain) == 1)
    #expect(try status("possible", .possible) == 1)
    #expect(try status("possible", nil) == 0)
  }
}
