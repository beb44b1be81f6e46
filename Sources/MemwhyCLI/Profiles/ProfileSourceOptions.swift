import ArgumentParser
import Measurement
import Profile

/// Which profiles to read, and what to subtract.
struct ProfileSourceOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Profiles of pprof (.pb, .pb.gz), gperftools, jemalloc or heaptrack; the table of a program that `memwhy run` started, or its process id. "
        + "Several are added up; - is the standard input.", valueName: "file|pid"),
    completion: .file())
  var files: [String]

  @Option(
    help: ArgumentHelp(
      "Subtract this profile, to see what came since. May be given more than once.", valueName: "file"),
    completion: .file())
  var base: [String] = []

  @Option(
    name: [.customLong("diff-base"), .customLong("diff_base")],
    help: ArgumentHelp("Like --base, but with per cents of this profile.", valueName: "file"), completion: .file())
  var diffBase: [String] = []

  @Flag(help: "First scale the profiles so that their sum is that of the base.")
  var normalize = false

  @Option(
    help: ArgumentHelp(
      "What to look up for addresses without a name: lines (functions and source lines), names (functions only, faster), none.",
      valueName: "what"))
  var symbolize: SymbolizeMode = .lines

  @Option(
    help: ArgumentHelp("Also look for separate debug files here. May be given more than once.", valueName: "dir"),
    completion: .directory)
  var debugDir: [String] = []

  @Option(
    help: ArgumentHelp("Find the profiled program's files below this folder.", valueName: "dir"),
    completion: .directory)
  var root: String?

  @Option(
    help: ArgumentHelp("Refuse files that unpack to more than this. Default: 256MiB.", valueName: "size"),
    transform: ByteOption.parse)
  var maxSize = ByteCount(ProfileReader.defaultMaximumSize)

  @OptionGroup var held: HeldByOptions

  @Flag(name: .shortAndLong, help: "Print neither progress nor remarks.")
  var quiet = false

  enum SymbolizeMode: String, ExpressibleByArgument, CaseIterable, Sendable { case lines, names, none }

  func validate() throws {
    if !base.isEmpty && !diffBase.isEmpty { throw ValidationError("give --base or --diff-base, not both") }
    if normalize && base.isEmpty && diffBase.isEmpty {
      throw ValidationError("--normalize needs --base or --diff-base")
    }
    if maxSize.bytes == 0 { throw ValidationError("--max-size must be more than 0") }
    if held.heldBy != nil {
      if files.count != 1 {
        throw ValidationError("--held-by looks at one process: give one id, or the file of one table")
      }
      if !base.isEmpty || !diffBase.isEmpty {
        throw ValidationError("--held-by shows what lives now: it has no base to subtract")
      }
    }
  }

  /// Reads and combines them.
  func load(_ progress: Progress) throws(CLIError) -> ProfileSession {
    let wantsNames = symbolize != .none
    let input = ProfileInput(
      reader: ProfileReader(maximumSize: Int(clamping: maxSize.bytes)), debugDirectories: debugDir, root: root,
      wantsNames: wantsNames, wantsLines: symbolize == .lines)
    if let holder = held.heldBy, let file = files.first {
      let (profile, remarks) = try input.live(of: file, heldBy: holder, held, progress: progress)
      do throws(ProfileError) {
        var session = try ProfileSession([profile])
        session.remarks += remarks
        return session
      } catch { throw CLIError(error) }
    }
    var remarks: [String] = []
    func read(_ files: [String]) throws(CLIError) -> [Profile] {
      var profiles: [Profile] = []
      for file in files {
        progress.update("reading \(file)")
        let (profile, own) = try input.read(file)
        profiles.append(profile)
        remarks += own
      }
      return profiles
    }
    let profiles = try read(files)
    let bases = try read(base + diffBase)
    progress.update("combining and naming")
    let symbolizer =
      wantsNames
      ? FileSymbolizer(debugDirectories: debugDir, root: root ?? "", wantsLines: symbolize == .lines) : nil
    do throws(ProfileError) {
      var session = try ProfileSession(
        profiles, bases: bases, base: diffBase.isEmpty ? .subtract : .compare, normalize: normalize,
        symbolizer: symbolizer)
      session.remarks = remarks + session.remarks
      return session
    } catch { throw CLIError(error) }
  }
}

extension CLIError {
  init(_ error: ProfileError) {
    let text = "\(error)"
    self =
      switch error {
      case .unreadable, .unknownFormat, .malformed, .tooLarge, .missingTool, .noMatch: .noInput(text)
      case .badPattern, .noSampleType, .incompatible, .badOption: .usage(text)
      case .cannotCompress: .fault(text)
      }
  }
}
