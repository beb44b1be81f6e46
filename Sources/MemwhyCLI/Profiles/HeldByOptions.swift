import ArgumentParser

/// The join with who holds what: only what one holder keeps.
struct HeldByOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only allocations that this holder keeps alive, given as `memwhy retained` calls it: 'cache', 'Store -> [Int : Offer] storage[value]'. "
        + "Takes the id of a process that `memwhy run` started, which stops for some milliseconds.", valueName: "path"))
  var heldBy: String?

  @Option(help: ArgumentHelp("How --held-by holds the process still: cow or stop.", valueName: "mode"))
  var freeze: FreezeMode = .cow

  @Option(
    help: ArgumentHelp(
      "With --held-by: look for the holder in this core file; the profile is then the table of the process that died.",
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
