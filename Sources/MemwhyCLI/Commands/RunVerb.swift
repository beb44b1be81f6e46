import ArgumentParser
import Glibc
import Measurement
import ProcessImage
import SamplerTable

struct RunVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Start a program under the sampler, which records who allocates and what of it stays, even if the program dies.",
    discussion: """
      Records on average one allocation in each 512 KiB, with its stack, in the table: a file of 16 MiB that outlives the program. The \
      program keeps its arguments, signals and exit code. Programs that it starts are sampled only with --follow.

      Example: memwhy run -- ./shop --port 8080
      Example: memwhy run --interval 64KiB --table shop.table -- ./shop
      Then: memwhy profile 4711 -o heap.pb.gz && memwhy top heap.pb.gz
      Then: memwhy postmortem shop.table
      """)

  @Option(
    help: ArgumentHelp(
      "Average number of bytes between two samples; 1 records every allocation. Default: 512KiB.", valueName: "size"),
    transform: ByteOption.parse)
  var interval = SamplerSettings.defaultInterval

  @Option(
    help: ArgumentHelp(
      "Where to keep the table. Default: /dev/shm, or else $TMPDIR, /tmp, this folder.", valueName: "file"),
    completion: .file())
  var table: String?

  @Option(
    help: ArgumentHelp("Size of the table, 1MiB to 1GiB. Default: 16MiB.", valueName: "size"),
    transform: ByteOption.parse)
  var tableSize = SamplerSettings.defaultTableSize

  @Option(
    help: ArgumentHelp(
      "Sample the program of this name or path, if the command is a script or a wrapper that starts it.",
      valueName: "name"))
  var target: String?

  @Flag(help: "Also sample the programs that it starts, each in a table of its own: FILE.PID.")
  var follow = false

  @Option(help: .hidden)
  var seed: UInt64?

  @Flag(name: .shortAndLong, help: "Say nothing.")
  var quiet = false

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
  var command: [String] = []

  func validate() throws {
    if command.isEmpty { throw ValidationError("give the command after --, for instance `memwhy run -- ./shop`") }
    if !SamplerSettings.intervals.contains(interval) { throw ValidationError("--interval must be from 1 B to 1 TiB") }
    if !SamplerSettings.tableSizes.contains(tableSize) {
      throw ValidationError("--table-size must be from 1MiB to 1GiB")
    }
  }

  func run() throws {
    let program = try SampledProgram(command[0])
    let library = try SamplerLibrary.find()
    let draft = "memwhy-run-\(getpid()).table"
    let start = ProgramStart(drafts: table == nil ? TableFile.folders.map { "\($0)/\(draft)" } : [])
    start.begin()
    let file: TableFile
    do throws(SamplerTableError) {
      file = try TableFile(path: table, name: draft, size: Int(tableSize.bytes))
    } catch { throw CLIError(error) }
    var run = SampledRun(
      SampledRun.Settings(
        command: command, path: program.path, library: library, interval: interval.bytes, target: target,
        follow: follow,
        seed: seed, start: start, note: { [quiet] text in if !quiet { Terminal.error("memwhy: \(text)\n") } }),
      table: file, keepsName: table != nil || follow)
    let status: Int32
    do { status = try run.run() } catch {
      if let path = run.table.path { unlink(path) }
      throw error
    }
    report(run)
    end(status)
  }

  private func report(_ run: SampledRun) {
    if let problem = run.problem {
      if let path = run.table.path { unlink(path) }
      if !quiet { Terminal.error("memwhy: \(problem)\n") }
      return
    }
    guard !quiet else { return }
    if let path = run.table.path {
      Terminal.error("memwhy: the table is \(path); next: memwhy postmortem \(path)\n")
      if follow { reportFollowed(path) }
    } else {
      Terminal.error(
        "memwhy: no folder had room for the table, so it goes with this command; name one with --table FILE\n")
    }
  }

  /// Tables beside `path`, of processes that the program started.
  private func reportFollowed(_ path: String) {
    let count = UInt64(TableFile.followed(path).count)
    guard count > 0 else { return }
    let isFull = (count + 1) * tableSize.bytes > SamplerSettings.mostFollowed.bytes
    Terminal.error(
      "memwhy: \(Count(count).of("process", "processes")) that it started \(count == 1 ? "has a table" : "have tables"), \(path).PID"
        + (isFull ? "; later ones found no room and were not sampled: give less with --table-size" : "") + "\n")
  }

  /// Ends as the program did.
  private func end(_ status: Int32) {
    let signal = status & 0x7f
    guard signal != 0 else { Glibc.exit((status >> 8) & 0xff) }
    // A core file of this command would say nothing.
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(4), &limit)  // RLIMIT_CORE
    Glibc.signal(signal, SIG_DFL)
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, signal)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
    kill(getpid(), signal)
    Glibc.exit(128 + signal)
  }
}

extension CLIError {
  init(_ error: SamplerTableError) {
    let text = "\(error)"
    self =
      switch error {
      case .unreadable(_, let code) where code == EACCES || code == EPERM: .notPermitted(text)
      case .process(_, let reason) where reason.contains("permi"): .notPermitted(text)
      case .unreadable, .notATable, .otherVersion, .damaged, .notSampled, .process, .inUse, .cannotCreate:
        .noInput(text)
      }
  }
}
