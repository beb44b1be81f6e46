import ArgumentParser
import Profile

/// What to show of a profile: pprof's options, with two dashes.
struct ProfileFilterOptions: ParsableArguments {
  @Option(
    name: [.customLong("sample-index"), .customLong("sample_index")],
    help: ArgumentHelp(
      "Which of the profile's values to show, by name (alloc_space) or by number from 0. Default: what the profile says, or the last.",
      valueName: "type"))
  var sampleIndex = ""

  @Flag(help: "Short for --sample-index.")
  var sampleType: SampleTypeFlag?

  @Flag(help: "Divide the values by those of the first kind, which gives bytes an object.")
  var mean = false

  @Option(
    help: ArgumentHelp(
      "Unit of the values: minimum (one unit that fits all), auto (one for each value), kb, mb, ms …", valueName: "unit"
    ))
  var unit = "minimum"

  @Option(
    name: [.customLong("divide-by"), .customLong("divide_by")],
    help: ArgumentHelp("Divide all values by this.", valueName: "number"))
  var divideBy = 1.0

  @Flag(help: "What each row stands for. Default: --functions.")
  var granularity: GranularityFlag?

  @Flag(help: "Count inlined functions with the function into which they were inlined.")
  var noinlines = false

  @Option(help: ArgumentHelp("Only stacks with a function, file or binary that matches.", valueName: "regex"))
  var focus = ""
  @Option(help: ArgumentHelp("Without stacks that have such a frame.", valueName: "regex"))
  var ignore = ""
  @Option(help: ArgumentHelp("Remove such frames from the stacks.", valueName: "regex"))
  var hide = ""
  @Option(help: ArgumentHelp("Keep only such frames of the stacks.", valueName: "regex"))
  var show = ""
  @Option(
    name: [.customLong("show-from"), .customLong("show_from")],
    help: ArgumentHelp("Keep only what the outermost such frame calls, and the frame.", valueName: "regex"))
  var showFrom = ""
  @Option(
    name: [.customLong("prune-from"), .customLong("prune_from")],
    help: ArgumentHelp("Remove what such frames call.", valueName: "regex"))
  var pruneFrom = ""
  @Option(help: ArgumentHelp("Only samples with a label: value, key=value, 32kb:1mb.", valueName: "label"))
  var tagfocus = ""
  @Option(help: ArgumentHelp("Without samples that have such a label.", valueName: "label"))
  var tagignore = ""
  @Option(help: ArgumentHelp("Show only labels whose key matches.", valueName: "regex"))
  var tagshow = ""
  @Option(help: ArgumentHelp("Do not show labels whose key matches.", valueName: "regex"))
  var taghide = ""
  @Option(help: ArgumentHelp("Add these labels as frames at the root; separate keys by commas.", valueName: "keys"))
  var tagroot = ""
  @Option(help: ArgumentHelp("Add these labels as frames at the leaf; separate keys by commas.", valueName: "keys"))
  var tagleaf = ""

  @Option(
    help: ArgumentHelp(
      "How functions are written: short, full (demangled), as-is (as in the file, which is what pprof shows).",
      valueName: "style"))
  var names: NameStyle = .short

  @Flag(
    help:
      "Count malloc, swift_allocObject and the like with their callers, or show them as functions. Default: as the profile says."
  )
  var runtime: RuntimeFlag?

  enum SampleTypeFlag: String, EnumerableFlag {
    case inuseSpace, inuseObjects, allocSpace, allocObjects

    static func name(for value: Self) -> NameSpecification {
      [.long, .customLong(value.type)]
    }

    var type: String {
      switch self {
      case .inuseSpace: "inuse_space"
      case .inuseObjects: "inuse_objects"
      case .allocSpace: "alloc_space"
      case .allocObjects: "alloc_objects"
      }
    }
  }

  enum GranularityFlag: String, EnumerableFlag { case functions, filefunctions, files, lines, addresses }

  enum RuntimeFlag: String, EnumerableFlag { case foldRuntime, showRuntime }

  func validate() throws {
    if !sampleIndex.isEmpty && sampleType != nil {
      throw ValidationError("give --sample-index or one of its short forms, not both")
    }
    if divideBy == 0 || !divideBy.isFinite { throw ValidationError("--divide-by must not be 0") }
  }

  var profileOptions: ProfileOptions {
    var result = ProfileOptions()
    result.sampleIndex = sampleType?.type ?? sampleIndex
    result.mean = mean
    result.unit = unit
    result.divideBy = divideBy
    result.granularity = granularity.flatMap { Granularity(rawValue: $0.rawValue) } ?? .functions
    result.noInlines = noinlines
    result.focus = focus
    result.ignore = ignore
    result.hide = hide
    result.show = show
    result.showFrom = showFrom
    result.pruneFrom = pruneFrom
    result.tagFocus = tagfocus
    result.tagIgnore = tagignore
    result.tagShow = tagshow
    result.tagHide = taghide
    result.tagRoot = tagroot
    result.tagLeaf = tagleaf
    result.names = names
    switch runtime {
    case .foldRuntime: result.runtimeFrames = .folded
    case .showRuntime: result.runtimeFrames = .shown
    case nil: result.runtimeFrames = .asRecorded
    }
    return result
  }
}

extension NameStyle: ExpressibleByArgument {}

/// How much of a graph to show, and in which order.
struct ProfileTableOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Show at most so many rows.", valueName: "rows"))
  var nodecount: Int?

  @Option(help: ArgumentHelp("Leave out rows whose cum is below this share of the total.", valueName: "share"))
  var nodefraction = 0.005

  @Option(help: ArgumentHelp("Leave out edges below this share of the total.", valueName: "share"))
  var edgefraction = 0.001

  @Flag(inversion: .prefixedNo, help: "Leave out what is small, as the three options above say.")
  var trim = true

  @Flag(help: "Order by a function's own value, or by the value with what it calls. Default: --flat.")
  var order: OrderFlag?

  @Flag(
    name: [.customLong("drop-negative"), .customLong("drop_negative")], help: "Leave out rows with negative values.")
  var dropNegative = false

  @Flag(
    name: [.customLong("relative-percentages"), .customLong("relative_percentages")],
    help: "Give per cents of what is left after the filters, not of the whole profile.")
  var relativePercentages = false

  @Flag(
    name: [.customLong("compact-labels"), .customLong("compact_labels")],
    help: "Do not print the heading about the profile."
  )
  var compactLabels = false

  @Flag(help: "Write JSON (docs/profiles.md), values in the profile's own unit.")
  var json = false

  enum OrderFlag: String, EnumerableFlag { case flat, cum }

  func validate() throws {
    if let nodecount, nodecount < 0 { throw ValidationError("--nodecount must not be negative") }
    for (name, value) in [("--nodefraction", nodefraction), ("--edgefraction", edgefraction)]
    where !(value >= 0 && value <= 1) {
      throw ValidationError("\(name) must be from 0 to 1")
    }
  }

  func apply(to options: inout ProfileOptions) {
    options.nodeCount = nodecount
    options.nodeFraction = nodefraction
    options.edgeFraction = edgefraction
    options.trim = trim
    options.sort = order == .cum ? .cum : .flat
    options.dropNegative = dropNegative
    options.relativePercentages = relativePercentages
    options.compactLabels = compactLabels
  }
}

/// Where the sources are.
struct ProfilePathOptions: ParsableArguments {
  @Option(
    name: [.customLong("source-path"), .customLong("source_path")],
    help: ArgumentHelp("Folders in which to look for sources; separate them by colons.", valueName: "dirs"),
    completion: .directory)
  var sourcePath = ""

  @Option(
    name: [.customLong("trim-path"), .customLong("trim_path")],
    help: ArgumentHelp(
      "What to cut off the beginning of the profile's paths; separate several by colons.", valueName: "dirs"))
  var trimPath = ""

  func apply(to options: inout ProfileOptions) {
    options.sourcePath = sourcePath
    options.trimPath = trimPath
  }
}
