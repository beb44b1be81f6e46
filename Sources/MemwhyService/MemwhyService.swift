import CMemwhySampler
import Glibc
import Measurement
import ProcessImage
import Profile
import SamplerTable

/// The sampling heap profiler, linked into a service: start it, and serve its profiles under the paths that pprof's users know.
///
///     try MemwhyService.start()
///     router.get("debug/pprof/**") { request, _ in
///       let answer = await MemwhyService.response(path: request.uri.path, query: request.uri.query ?? "")
///       …
///     }
///
/// `malloc` and its relatives are the sampler's as soon as this module is linked; it is silent until `start`. All functions may be called
/// from any thread.
public enum MemwhyService {
  /// What the sampler does at present.
  public enum State: String, Sendable, Hashable {
    /// Not started.
    case silent
    /// Takes samples.
    case running
    /// Takes no more samples; frees of those that were taken are still followed.
    case stopped
  }

  /// Average number of bytes between two samples, unless said otherwise: 512 KiB.
  public static let defaultInterval = SamplerSettings.defaultInterval

  /// Starts sampling; does nothing where it runs already.
  ///
  /// - Parameters:
  ///   - interval: average number of bytes between two samples; 1 B takes every allocation.
  ///   - tableSize: what is kept of samples, 1 MiB to 1 GiB. Memory is taken as it fills.
  ///   - file: where to keep the table, so that it is there when the process is not any more (`memwhy postmortem`); nil for memory of
  ///     the process alone.
  /// - Throws: `badOption`, `cannotCreate`, `anotherAllocator`.
  public static func start(
    interval: ByteCount = defaultInterval, tableSize: ByteCount = SamplerSettings.defaultTableSize, file: String? = nil
  ) throws(MemwhyServiceError) {
    try check(interval)
    guard SamplerSettings.tableSizes.contains(tableSize) else {
      throw .badOption("the table must be from 1 MiB to 1 GiB")
    }
    if state != .silent { return }
    var table: TableFile?
    if let file {
      do throws(SamplerTableError) {
        table = try TableFile(path: file, name: "", size: Int(tableSize.bytes))
      } catch { throw .cannotCreate("\(error)") }
    }
    let result = memwhy_sampler_start(table?.descriptor ?? -1, tableSize.bytes, interval.bytes)
    let code = errno
    if let table {
      close(table.descriptor)
      if result != MEMWHY_STARTED, let path = table.path { unlink(path) }
    }
    switch result {
    case MEMWHY_STARTED, MEMWHY_ALREADY_RUNNING: return
    case MEMWHY_NOT_CALLED: throw .anotherAllocator
    default: throw .cannotCreate("no memory for a table of \(tableSize): \(systemMessage(code)); ask for a smaller one")
    }
  }

  /// Takes no more samples until `resume`.
  public static func stop() { memwhy_sampler_stop() }
  /// Takes samples again after `stop`; does nothing before `start`.
  public static func resume() { memwhy_sampler_resume() }

  /// As it is at this moment. O(1).
  public static var state: State {
    guard let table = memwhy_sampler_table() else { return .silent }
    return table.pointee.state == MEMWHY_STATE_RUNNING.rawValue ? .running : .stopped
  }

  /// Average number of bytes between two samples; nil before the start.
  public static var interval: ByteCount? { memwhy_sampler_table().map { ByteCount($0.pointee.interval) } }

  /// Changes it; each thread follows at its next sample, or within its next MiB. What was sampled before keeps its weight.
  ///
  /// - Throws: `badOption`; `silent` before the start.
  public static func setInterval(_ interval: ByteCount) throws(MemwhyServiceError) {
    try check(interval)
    guard state != .silent else { throw .silent }
    memwhy_sampler_set_interval(interval.bytes)
  }

  private static func check(_ interval: ByteCount) throws(MemwhyServiceError) {
    guard SamplerSettings.intervals.contains(interval) else {
      throw .badOption("the interval must be from 1 B to 1 TiB")
    }
  }

  /// What was sampled so far, in pprof's model: allocated and in use by stack, with labels for thread, task and lifetime.
  ///
  /// - Parameter wantsNames: names of functions from the symbol tables of the program's files. They are read anew each time, which
  ///   takes some tenths of a second and some ten MiB for a large program; without them tools find names by build ids.
  /// - Throws: `silent` before the start, `damaged`.
  public static func profile(wantsNames: Bool = true) throws(MemwhyServiceError) -> Profile {
    guard let header = memwhy_sampler_table() else { throw .silent }
    var profile: Profile
    do throws(SamplerTableError) {
      // The mapping stays until the process ends.
      let source = TableSource(
        mapped: UnsafeRawBufferPointer(start: header, count: Int(clamping: header.pointee.table_size)))
      var table = try TableReader(source).read(now: Clocks.monotonic)
      for index in table.threads.indices where table.threads[index].id > 0 {
        table.threads[index].name = Procfs.name(of: getpid(), thread: table.threads[index].id)
      }
      profile = ProfileExport.profile(of: table)
    } catch { throw .damaged("\(error)") }
    if wantsNames { _ = FileSymbolizer(wantsLines: false).symbolize(&profile) }
    return profile
  }
}

/// Why the sampler does not run, or has no profile.
public enum MemwhyServiceError: Error, Hashable, Sendable, CustomStringConvertible {
  case badOption(String)
  case cannotCreate(String)
  case anotherAllocator
  case silent
  case damaged(String)

  public var description: String {
    switch self {
    case .badOption(let what): "cannot sample: \(what)"
    case .cannotCreate(let why): "cannot sample: \(why)"
    case .anotherAllocator:
      "cannot sample: this program's malloc is another allocator's; link MemwhyService before it, or leave that one out"
    case .silent: "nothing is sampled yet: call MemwhyService.start() when the service starts"
    case .damaged(let what): "the sampler's table cannot be read: \(what); a new one is made when the service starts"
    }
  }
}
