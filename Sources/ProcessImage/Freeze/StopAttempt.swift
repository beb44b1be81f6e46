import CLinux
import Glibc

/// One attempt to stop all threads and to copy memory into the tool. Runs on a tracing thread.
struct StopAttempt {
  let target: Procfs.Target
  let options: FreezeOptions
  let wanted: @Sendable (Mapping) -> Bool
  private let memory: LiveMemory
  private let guardian: Guardian?
  private let sharesPages: Bool
  private let expectedBytes: UInt64
  private let mappingCount: Int

  struct Copy {
    var store: PageStore
    var mappings: [Mapping]
    var threads: [ThreadState]
    var pause: UInt64
    /// When all ran again, monotonic.
    var end: UInt64
  }

  /// Kept free in the tool's own memory control group, which may be the target's.
  private static let reserve: UInt64 = 32 << 20

  init(
    target: Procfs.Target, options: FreezeOptions, wanted: @escaping @Sendable (Mapping) -> Bool
  ) throws(FreezeError) {
    self.target = target
    self.options = options
    self.wanted = wanted
    do throws(ProcessImageError) {
      memory = try LiveMemory(pid: target.memoryThread)
    } catch {
      throw .target(error)
    }
    sharesPages = Self.mayShareItsPages(target)
    let present = try Self.present(target, wanted: wanted)
    expectedBytes = present.pages.byteCount
    mappingCount = present.mappings.count
    guardian = Guardian()
  }

  private var pid: Int32 { target.pid }
  private func hook(_ phase: FreezePhase) { options.phaseHook?(phase) }

  /// In nanoseconds.
  var predictedPause: UInt64 {
    PausePrediction.nanoseconds(
      target: target, mappingCount: mappingCount, copying: expectedBytes, sharesPages: sharesPages)
  }

  private static func present(
    _ target: Procfs.Target, wanted: (Mapping) -> Bool
  ) throws(FreezeError) -> (mappings: [Mapping], pages: PresentPages) {
    do throws(ProcessImageError) {
      let mappings = try Procfs.mappings(of: target.memoryThread)
      do throws(SystemError) {
        return (mappings, try PresentPages(pid: target.memoryThread, mappings: mappings, wanted: wanted))
      } catch {
        throw .cannotRead(path: "/proc/\(target.memoryThread)/pagemap", code: error.code)
      }
    } catch {
      throw .target(error)
    }
  }

  /// Room for what is expected, with a tenth to spare for growth until the stop.
  ///
  /// - Throws: `swappedOut`, `copyLimit`, `noOwnRoom`, `noOwnMemory`.
  func prepare() throws(FreezeError) -> PageStore {
    let (expected, needed) = try requireRoom()
    let limit = min(options.copyLimit, needed)
    guard let store = PageStore(limit: limit, expected: expected, live: memory) else {
      throw .noOwnMemory(pid: pid, needed: limit)
    }
    return store
  }

  /// - Returns: bytes to copy now, and with room for growth.
  @discardableResult
  func requireRoom() throws(FreezeError) -> (expected: UInt64, needed: UInt64) {
    let expected = try Self.present(target, wanted: wanted).pages.byteCount
    if let refusal = SwappedMemory.refusal(target) { throw refusal }
    if expected > options.copyLimit { throw .copyLimit(pid: pid, needed: expected, limit: options.copyLimit) }
    let needed = expected &+ expected / 10 &+ Self.reserve
    if let tightest = MemoryLimits(pid: getpid()).tightest(enough: needed &* 2), tightest.room < needed {
      throw .noOwnRoom(pid: pid, group: tightest.group.name, needed: needed, available: tightest.room)
    }
    return (expected, needed)
  }

  func run(_ store: PageStore) -> AttemptOutcome<Copy> {
    let group = ThreadGroup(pid: pid)
    hook(.prepared)
    defer {
      group.detachAll()
      guardian?.disarm()
      group.consumeEndedThreads()
    }
    do throws(ThreadGroup.Failure) {
      _ = try group.seizeAll(interrupt: false)
      hook(.seized)
      let limit = options.stopBudget &+ predictedPause &* 4 &+ 500_000_000
      guardian?.arm(milliseconds: Int32(clamping: limit / 1_000_000))
      let start = Clocks.monotonic
      try group.stopAll(until: start &+ options.stopBudget) { hook(.interrupted) }
      hook(.stopped)
      group.readRegisters()
      hook(.repaired)
      return copy(group, into: store, start: start)
    } catch {
      group.giveUp(guardian)
      return AttemptOutcome(error, pid: pid, attempts: options.attempts)
    }
  }

  private func copy(_ group: ThreadGroup, into store: PageStore, start: UInt64) -> AttemptOutcome<Copy> {
    let (mappings, pages): ([Mapping], PresentPages)
    do throws(FreezeError) { (mappings, pages) = try Self.present(target, wanted: wanted) } catch {
      return .failed(error)
    }
    let needed = pages.byteCount
    if needed > options.copyLimit { return .failed(.copyLimit(pid: pid, needed: needed, limit: options.copyLimit)) }
    let isFilled = store.fill(mappings: mappings, present: pages, isCovered: wanted) { address, part in
      if !sharesPages, clinux_vm_read(target.memoryThread, address, part.baseAddress, part.count) == part.count {
        return true
      }
      return (try? memory.read(address, into: part)) != nil
    }
    hook(.copied)
    let threads = group.threads.filter { $0.state == .stopped }.map(FreezeAttempt.threadState)
    let isAlive = group.detachAll()
    let end = Clocks.monotonic
    hook(.released)
    guard isAlive else { return .failed(.targetGone(pid: pid, during: "its memory was being copied")) }
    // It grew past the room that was set aside; the next attempt measures again.
    guard isFilled else { return .retry(.copyLimit(pid: pid, needed: needed, limit: options.copyLimit)) }
    return .done(Copy(store: store, mappings: mappings, threads: threads, pause: end &- start, end: end))
  }

  /// A relative runs the same program: their pages may be shared copy-on-write since a fork, and process_vm_readv, which pins pages,
  /// would make the kernel duplicate them on the target's account.
  static func mayShareItsPages(_ target: Procfs.Target) -> Bool {
    guard let own = linkTarget("/proc/\(target.memoryThread)/exe") else { return true }
    if linkTarget("/proc/\(target.stat.parent)/exe") == own { return true }
    let names = (try? folderEntries("/proc")) ?? []
    return names.compactMap { Int32($0) }.contains { child in
      (try? Procfs.stat(of: child))?.parent == target.pid && linkTarget("/proc/\(child)/exe") == own
    }
  }
}
