import Malloc
import Measurement
import ProcessImage
import Symbols
import Timeline

/// An image, and what has to be let go when it is read.
struct ImageSource {
  var image: ProcessImage
  var corePath: String?
  /// Why a process is read while it runs that was to be copied, in a sentence.
  private(set) var whyRunning: String?
  private var frozen: FrozenProcess?

  /// Prints the predicted pause before anything is stopped.
  static func open(_ request: AnalysisRequest, progress: Progress) throws(CLIError) -> ImageSource {
    switch request.target {
    case .core(let path, let root): return try openCore(path, root: root)
    case .process(let pid):
      try OwnMemory.require(for: pid)
      try SharedLimit.watch(pid)
      return switch request.freeze {
      case .none: try openRunning(pid)
      case .cow: try freeze(pid, request, progress)
      case .stop: try stop(pid, request, progress)
      }
    }
  }

  private static func openCore(_ path: String, root: String?) throws(CLIError) -> ImageSource {
    // In a service's container, too, where the service would be the larger of the two.
    ToolProcess.becomeFirstToDie()
    do throws(ProcessImageError) {
      return ImageSource(image: try .core(path: path, fileRoots: [root ?? "/"]), corePath: path)
    } catch { throw CLIError(error) }
  }

  private static func openRunning(_ pid: Int32) throws(CLIError) -> ImageSource {
    do throws(ProcessImageError) { return ImageSource(image: try .running(pid: pid)) } catch { throw CLIError(error) }
  }

  private static func freeze(
    _ pid: Int32, _ request: AnalysisRequest, _ progress: Progress
  ) throws(CLIError) -> ImageSource {
    do throws(FreezeError) {
      let options = options(pid, request, progress)
      return try Interruption.shared.protecting { () throws(FreezeError) in
        let (image, process) = try ProcessImage.frozen(pid: pid, options: options)
        return (ImageSource(image: image, frozen: process), process)
      }
    } catch {
      // What fills the heap can be told all the same.
      guard request.countsWithoutCopy, case .noHeadroom = error else { throw CLIError(error) }
      var source = try openRunning(pid)
      source.whyRunning = "\(error)"
      return source
    }
  }

  private static func stop(
    _ pid: Int32, _ request: AnalysisRequest, _ progress: Progress
  ) throws(CLIError) -> ImageSource {
    do throws(FreezeError) {
      return ImageSource(image: try ProcessImage.stopped(pid: pid, options: options(pid, request, progress)))
    } catch { throw CLIError(error) }
  }

  private static func options(_ pid: Int32, _ request: AnalysisRequest, _ progress: Progress) -> FreezeOptions {
    var options = FreezeOptions()
    options.announce = { pause in
      progress.note("about to pause process \(pid) for \(TimeSpan(nanoseconds: pause))")
    }
    options.copyBudget = request.cowBudget?.bytes
    if let limit = request.memoryLimit { options.copyLimit = limit.bytes }
    return options
  }

  /// Resident ranges of private anonymous memory; nil where only the mappings are known.
  var presentRanges: [Range<UInt64>]? { frozen?.presentPages.ranges }

  /// Resident memory by mapping, at the instant of the image; where there is no copy, now. nil for a core file.
  var mapped: [MappedMemory]? {
    guard let pid = image.pid else { return nil }
    if let frozen, let mapped = MappedMemory.all(of: pid, copiedTo: frozen.copyPid) { return mapped }
    return MappedMemory.all(of: pid)
  }

  /// Runs `malloc_trim(0)` in the copy; the image cannot be read afterwards.
  ///
  /// - Returns: what it gave back, nil where it was not run; and a sentence on it.
  func tryTrim(_ symbols: ImageSymbols, isGlibc: Bool) -> (bytes: UInt64?, remark: String) {
    guard isGlibc else { return (nil, "malloc_trim was not tried: the allocator is not glibc's") }
    guard let frozen else { return (nil, "malloc_trim was not tried: there is no copy to try it in") }
    guard let function = symbols.address(of: "malloc_trim") else {
      return (nil, "malloc_trim was not tried: the process has no such function")
    }
    do throws(TrimTrialFailure) {
      let trial = try frozen.tryTrim(function: function)
      return (
        trial.bytes,
        "malloc_trim(0), run in a copy of the process, gave back \(ByteCount(trial.bytes)) in \(TimeSpan(nanoseconds: trial.duration)); the process itself was not touched"
      )
    } catch { return (nil, "\(error)") }
  }

  /// Ends the copy. Safe to call twice.
  ///
  /// - Returns: what did not work, in sentences.
  @discardableResult
  func release() -> [String] {
    guard let frozen else { return [] }
    return Interruption.shared.release(frozen)
  }

  /// The copy went before it was read, because memory was short; the process is there.
  var wasGivenUp: Bool { frozen?.wasGivenUp ?? false }

  /// Why a part could not be read, in a sentence.
  func reason(_ error: any Error) -> String { frozen?.failure ?? "\(error)" }

  /// The error of an analysis: where the copy was given up, that is the reason and not the read that failed.
  func explain(_ error: any Error) -> CLIError {
    if let frozen, let failure = frozen.failure {
      return frozen.targetHasEnded ? .targetGone(failure) : .notPermitted(failure)
    }
    switch error {
    case MemoryError.targetGone: return .targetGone("\(MemoryError.targetGone)")
    case let error as MallocError: return .fault("\(error)")
    default: return .fault("the analysis failed: \(error); run it again, and report it if it stays")
    }
  }
}
