import ArgumentParser
import Timeline

/// The command. One file a verb in `Commands/`; this is the table of them.
struct Memwhy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memwhy",
    abstract: "Why does this Swift process hold so much memory?",
    usage: """
      memwhy [<options>] <pid>
      memwhy <subcommand> [<options>] ...
      """,
    discussion: """
      memwhy PID takes two snapshots of the heap of a running Swift service on Linux, 30 seconds apart. It says whether the service \
      leaks, what grows and how fast, who holds it, and what to change. Nothing has to be prepared: no rebuild, no restart. The \
      service stops for some milliseconds at each snapshot. Options: memwhy diagnose --help.

      Exit codes: 0 no leak at or above --fail-on, 1 such a leak, 64 wrong usage, 66 no such process or file, 69 the process \
      ended meanwhile, 70 a fault of memwhy, 74 the answer could not be written, 77 not permitted, or refused to protect the \
      process, 130 Ctrl-C.

      Examples:
        memwhy doctor 4711
        memwhy 4711
        memwhy 4711 --html report.html
        memwhy retained 4711
        memwhy leaks --fail-on certain 4711
      """,
    version: Version.current,
    groupedSubcommands: [
      CommandGroup(
        name: "Growth",
        subcommands: [Diagnose.self, WatchVerb.self, HistoryVerb.self, ServeVerb.self, DoctorVerb.self]),
      CommandGroup(
        name: "Holder",
        subcommands: [
          LeaksVerb.self, HeapVerb.self, RetainedVerb.self, PathVerb.self, DuplicatesVerb.self, TasksVerb.self,
          SnapshotVerb.self, DiffVerb.self,
        ]),
      CommandGroup(
        name: "Allocation",
        subcommands: [
          RunVerb.self, ProfileVerb.self, PostmortemVerb.self, TopVerb.self, ListVerb.self, PeekVerb.self,
          TreeVerb.self, TracesVerb.self, FlameVerb.self, RawVerb.self, Export.self,
        ]),
      CommandGroup(name: "Other", subcommands: [WireVerb.self, DemoVerb.self]),
    ],
    defaultSubcommand: Diagnose.self)
}

extension Memwhy {
  /// Flags without a value that many verbs have.
  private static let flags: Set = ["-q", "--quiet", "-v", "--verbose", "--json", "--show-addresses", "-h", "--help"]

  /// `memwhy -q retained 4711` means `memwhy retained -q 4711`: the parser would take the verb for a process of the default one.
  static func verbFirst(_ arguments: [String]) -> [String] {
    guard let place = arguments.firstIndex(where: { !flags.contains($0) }), place > 0,
      verbs.contains(arguments[place])
    else { return arguments }
    return [arguments[place]] + arguments[..<place] + arguments[(place + 1)...]
  }

  private static var verbs: [String] { configuration.subcommands.compactMap { $0.configuration.commandName } }

  /// The command whose help tells what is wrong with these arguments.
  static func helpCommand(_ arguments: [String]) -> String {
    guard let first = arguments.first else { return "memwhy --help" }
    // Without a verb they are those of the default one, which the help of all does not list.
    return "memwhy \(verbs.contains(first) ? first : "diagnose") --help"
  }

  /// What is wrong with the first word where it looks like a verb and is none: the default verb would call it a bad process id.
  static func unknownVerb(
    _ arguments: [String], processes: (String) -> [NamedProcesses.Found] = NamedProcesses.all
  ) -> CLIError? {
    let verbs = verbs + ["help"]
    // `help VERB`, too, which would show the help of all for any word.
    let words = arguments.first == "help" && arguments.count > 1 ? arguments.dropFirst() : arguments[...]
    guard let word = words.first, word.first?.isLetter == true, !verbs.contains(word) else { return nil }
    if arguments.first != "help", let hint = ProcessOption.hint(word, processes(word)) {
      return .usage("there is no verb '\(word)', but \(hint)")
    }
    let near = verbs.filter { word.count > 1 && ($0.hasPrefix(word) || word.hasPrefix($0)) }.map { "`\($0)`" }
    let hint = near.isEmpty ? "" : "; did you mean \(near.joined(separator: " or "))"
    return .usage("there is no verb '\(word)'\(hint); `memwhy --help` lists them")
  }
}

/// What `--version` prints and every report names.
enum Version {
  static let current = "0.1.0"
}
