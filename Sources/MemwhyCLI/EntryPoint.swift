import ArgumentParser
import Glibc
import Measurement
import ProcessImage

/// Runs the command and turns every ending into an exit code: one line on stderr where something failed.
@main
enum EntryPoint {
  static func main() {
    // A closed pipe (`memwhy 4711 | head -1`) ends the output, not the clean-up behind it.
    signal(SIGPIPE, SIG_IGN)
    // A file that would be larger than `ulimit -f` allows is an error with a sentence.
    signal(SIGXFSZ, SIG_IGN)
    Terminal.reserveStandardStreams()
    OwnMemory.saveAddressSpace()
    // Swift finds the arguments of the command there, too: without it every command line looks empty.
    guard access("/proc/self/cmdline", R_OK) == 0 else {
      Terminal.error(
        "memwhy: /proc is not mounted here, where processes are read: mount it (`mount -t proc proc /proc`)\n")
      exit(ExitStatus.noInput)
    }
    Interruption.shared.install()
    let status = run(Array(CommandLine.arguments.dropFirst()))
    exit(Terminal.outputFailure == 0 ? status : unwritten(Terminal.outputFailure))
  }

  /// An answer that is cut off must not pass for one: not with exit code 0, and not as "no leak".
  private static func unwritten(_ code: Int32) -> Int32 {
    Terminal.error(
      "memwhy: cannot write the answer to standard output: \(systemMessage(code)); free room there, or send it elsewhere\n"
    )
    return ExitStatus.notWritten
  }

  static func run(_ arguments: [String]) -> Int32 {
    let arguments = Memwhy.verbFirst(arguments)
    do {
      if let error = Memwhy.unknownVerb(arguments) { throw error }
      var command = try Memwhy.parseAsRoot(arguments)
      try command.run()
      return ExitStatus.success
    } catch let exit as ExitCode {
      return exit.rawValue
    } catch let failure as CLIError {
      Terminal.error("memwhy: \(oneLine("\(failure)"))\n")
      return failure.exitStatus
    } catch {
      return report(parserError: error, of: arguments)
    }
  }

  /// Help, version and completions are "errors" of the parser with exit code 0.
  private static func report(parserError error: any Error, of arguments: [String]) -> Int32 {
    if Memwhy.exitCode(for: error) == .success {
      Terminal.output(Memwhy.fullMessage(for: error) + "\n")
      return ExitStatus.success
    }
    let message = Memwhy.message(for: error)
    let known = Memwhy.exitCode(for: error) == .validationFailure
    Terminal.error("memwhy: \(withoutStop(oneLine(message))); see `\(Memwhy.helpCommand(arguments))`\n")
    return known ? ExitStatus.usage : ExitStatus.fault
  }

  /// Names of files, and what SQLite quotes of a damaged one, come from outside: no control character of theirs may reach a terminal.
  private static func oneLine(_ text: String) -> String {
    SafeText.line(text.split(whereSeparator: \.isNewline).joined(separator: " "))
  }

  private static func withoutStop(_ text: String) -> String {
    var line = text
    while let last = line.last, last == "." || last == " " { line.removeLast() }
    return line
  }
}
