import ArgumentParser
import Measurement

/// What to look at and how to hold it still.
struct TargetOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Process id of a running process.", valueName: "pid"),
    completion: .shellCommand("ps -eo pid= 2>/dev/null"), transform: ProcessOption.parse)
  var pid: Int32?

  @Option(help: ArgumentHelp("Look at a core file instead of a process.", valueName: "file"), completion: .file())
  var core: String?

  @Option(
    help: ArgumentHelp("With --core: find the program's files below this folder.", valueName: "dir"),
    completion: .directory)
  var root: String?

  @Option(
    help: ArgumentHelp("Also look for separate debug files here. May be given more than once.", valueName: "dir"),
    completion: .directory)
  var debugDir: [String] = []

  @Option(
    help: ArgumentHelp(
      "How to hold the process still: cow (a copy-on-write copy of it; stops it for some milliseconds), stop (stops it while the heap is "
        + "copied; longer), none (no pause; counts types, but cannot judge leaks).", valueName: "mode"))
  var freeze: FreezeMode = .cow

  @Option(
    help: ArgumentHelp(
      "With --freeze stop: how much memory memwhy may use for what it copies. Default: 1GiB.", valueName: "size"),
    transform: ByteOption.parse)
  var memoryLimit: ByteCount?

  @Option(
    help: ArgumentHelp(
      "Give the copy up when it has let the process's control group grow by so much: pages that the process writes to are there twice "
        + "until then. Default: 5 % of its resident memory, 8MiB to 64MiB.", valueName: "size"),
    transform: ByteOption.parse)
  var cowBudget: ByteCount?

  func validate() throws {
    if pid != nil && core != nil { throw ValidationError("give a process id or --core FILE, not both") }
    if let pid, pid <= 0 { throw ValidationError("'\(pid)' is not a process id: they are positive") }
    if root != nil && core == nil { throw ValidationError("--root belongs to --core: a process has its own root") }
  }

  /// Neither a process nor a core file is given; one verb can do without.
  var isMissing: Bool { pid == nil && core == nil }

  /// The request for an analysis.
  ///
  /// - Throws: `ValidationError` where there is nothing to look at.
  func request(verb: String) throws -> AnalysisRequest {
    let target: AnalysisRequest.Target
    if let pid {
      target = .process(pid)
    } else if let core {
      target = .core(path: core, root: root)
    } else {
      throw ValidationError("give a process id, or a core file with --core FILE")
    }
    return AnalysisRequest(
      verb: verb, target: target, freeze: freeze, memoryLimit: memoryLimit, cowBudget: cowBudget,
      debugDirectories: debugDir)
  }
}

/// How to hold a process still.
enum FreezeMode: String, ExpressibleByArgument, CaseIterable, Sendable {
  case cow, stop, none
}

/// Sizes on the command line.
enum ByteOption {
  static func parse(_ text: String) throws -> ByteCount {
    do { return try ByteCount(parsing: text) } catch { throw ValidationError("\(error)") }
  }
}
