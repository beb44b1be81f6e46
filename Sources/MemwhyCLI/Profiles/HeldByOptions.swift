import ArgumentParser

/// The join with who holds what: only what one holder keeps.
struct HeldByOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only what this holder keeps, by its path in `memwhy retained`: 'cache', 'Store -> [Int : Offer] storage[value]'. "
        + "For a process under the sampler, by its id; it stops for some milliseconds.", valueName: "path"))
  var heldBy: String?

  @Option(help: ArgumentHelp("How --held-by holds the process still: cow or stop.", valueName: "mode"))
  var freeze: FreezeMode = .cow

  @Option(
    help: ArgumentHelp(
      "With --held-by: look for holders in this core file, beside the table of the process that died.",
      valueName: "file"),
    completion: .file())
  var core: String?

  func validate() throws {
    if heldBy == nil && core != nil { throw ValidationError("--core belongs to --held-by") }
    if let heldBy, heldBy.allSatisfy(\.isWhitespace) {
      throw ValidationError("--held-by wants a holder's path; `memwhy retained PID` prints them")
    }
    if heldBy != nil && freeze == .none {
      throw ValidationError("--held-by cannot work with --freeze none: who holds what needs one instant")
    }
  }
}
