import ArgumentParser

/// `memwhy export`: who holds what of a process, or a profile, for other tools.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write who holds what, or a profile, in a format that another tool reads.",
    discussion: """
      `memwhy export -o FILE PID` writes who holds what (the same as `memwhy export holders`), `memwhy export profile` turns a profile into another format.

      Example: memwhy export -o shop.heapsnapshot 4711
      Example: memwhy export profile -o heap.speedscope.json heap.pb.gz
      """,
    subcommands: [ExportHoldersVerb.self, ExportProfileVerb.self], defaultSubcommand: ExportHoldersVerb.self)
}
