import ArgumentParser
import Measurement
import Profile

/// Which profiles to read, and what to subtract.
struct ProfileSourceOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Profiles: pprof's (.pb, .pb.gz), heap profiles of gperftools, jemalloc and heaptrack; several are added up; - is "
        + "the standard input.", valueName: "file"), completion: .file())
  var files: [String]

  @Option(
    help: ArgumentHelp("Subtract this profile: what came since. May be given more than once.", valueName: "file"),
    completion: .file())
  var base: [String] = []

  @Option(
    name: [.customLong("diff-base"), .customLong("diff_base")],
    help: ArgumentHelp("The same, with per cents of this profile.", valueName: "file"), completion: .file())
  var diffBase: [String] = []

  @Flag(help: "Scale the profiles to the sum of the base first.")
  var normalize = false

  @Option(
    help: ArgumentHelp(
      "Names for addresses that have none: lines (functions and source lines), names (faster), none.",
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
    help: ArgumentHelp("Refuse files that unpack to more than this, for instance 1GiB.", valueName: "size"),
    transform: ByteOption.parse)
  var maxSize = ByteCount(ProfileReader.defaultMaximumSize)

  @Flag(name: .shortAndLong, help: "No progress and no remarks.")
  var quiet = false

  enum SymbolizeMode: String, ExpressibleByArgument, CaseIterable, Sendable { case lines, names, none }

  func validate() throws {
    if !base.isEmpty && !diffBase.isEmpty { throw ValidationError("give --base or --diff-base, not both") }
    if normalize && base.isEmpty && diffBase.isEmpty {
      throw ValidationError("--normalize needs --base or --diff-base")
    }
    if maxSize.bytes == 0 { throw ValidationError("--max-size must be more than 0") }
  }

  /// Reads and combines them.
  func load(_ progress: Progress) throws(CLIError) -> ProfileSession {
    let reader = ProfileReader(maximumSize: Int(clamping: maxSize.bytes))
    do throws(ProfileError) {
      var profiles: [Profile] = []
      for file in files {
        progress.update("reading \(file)")
        profiles.append(try reader.read(file))
      }
      var bases: [Profile] = []
      for file in base + diffBase {
        progress.update("reading \(file)")
        bases.append(try reader.read(file))
      }
      progress.update("combining and naming")
      let symbolizer =
        symbolize == .none
        ? nil : FileSymbolizer(debugDirectories: debugDir, root: root ?? "", wantsLines: symbolize == .lines)
      return try ProfileSession(
        profiles, bases: bases, base: diffBase.isEmpty ? .subtract : .compare, normalize: normalize,
        symbolizer: symbolizer)
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
      }
  }
}
