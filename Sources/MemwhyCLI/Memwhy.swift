import ArgumentParser

/// The command. One file a verb in `Commands/`; this is the table of them.
struct Memwhy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memwhy",
    abstract: "Why does this Swift process hold so much memory?",
    discussion: """
      memwhy PID looks at a running, unprepared Swift service on Linux and says whether memory is leaked, what exactly, and \
      which types fill the heap. The service stops for some milliseconds and goes on.

      Exit codes: 0 nothing at or above --fail-on, 1 a leak at or above it, 64 usage, 66 no such process or file, 69 the \
      process went away, 70 a fault of memwhy, 74 the answer could not be written, 77 not permitted or refused to protect the process.

      Examples:
        memwhy 4711
        memwhy leaks --fail-on certain 4711
        memwhy heap --core core.4711
        memwhy doctor 4711
      """,
    version: Version.current,
    subcommands: [
      Diagnose.self, HeapVerb.self, LeaksVerb.self, RetainedVerb.self, PathVerb.self, DuplicatesVerb.self,
      TasksVerb.self, SnapshotVerb.self, DiffVerb.self, WatchVerb.self, HistoryVerb.self, ServeVerb.self,
      RunVerb.self, ProfileVerb.self, PostmortemVerb.self, TopVerb.self, ListVerb.self, PeekVerb.self, TreeVerb.self,
      TracesVerb.self, FlameVerb.self, RawVerb.self, Export.self, WireVerb.self, DoctorVerb.self, DemoVerb.self,
    ],
    defaultSubcommand: Diagnose.self)
}

/// What `--version` prints and every report names.
enum Version {
  static let current = "0.1.0"
}
