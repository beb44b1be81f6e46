import CLinux
import Glibc

/// What all attempts on one target share.
struct FreezeContext {
  let target: Procfs.Target
  let options: FreezeOptions
  private let memory: LiveMemory
  private let mappingsFile: Descriptor
  private let gadgets: Gadgets
  private let guardian: Guardian?

  private static let sweepLimit: UInt64 = 2_000_000_000
  /// More zombies than this are left for the next run.
  private static let sweepCount = 64

  init(target: Procfs.Target, options: FreezeOptions) throws(FreezeError) {
    self.target = target
    self.options = options
    let mappings: [Mapping]
    do throws(ProcessImageError) {
      memory = try LiveMemory(pid: target.memoryThread)
      mappings = try Procfs.mappings(of: target.memoryThread)
      guard !mappings.isEmpty else { throw .processGone(pid: target.pid, attempted: "list its mappings") }
      do throws(SystemError) {
        mappingsFile = try Descriptor(reading: "/proc/\(target.memoryThread)/maps")
      } catch {
        throw .cannotRead(path: "/proc/\(target.memoryThread)/maps", code: error.code)
      }
    } catch {
      throw .target(error)
    }
    guard let gadgets = Gadgets.find(in: mappings, memory: memory) else { throw .noGadget(pid: target.pid) }
    self.gadgets = gadgets
    guardian = Guardian()
  }

  private var reaper: Reaper {
    Reaper(
      pid: target.pid, gadgets: gadgets, memory: memory, allowsUnknownFilter: options.allowsUnknownSeccompFilter,
      guardian: guardian, hook: options.phaseHook ?? { _ in })
  }

  /// Reaps what earlier runs that were killed left behind.
  ///
  /// - Returns: what was found, in sentences.
  func sweep() -> [String] {
    let zombies = Reaper.zombies(of: target.pid).prefix(Self.sweepCount)
    guard !zombies.isEmpty, let tracer = TracerThread() else { return [] }
    let reaper = reaper
    let deadline = Clocks.monotonic &+ Self.sweepLimit
    let reaped = tracer.run { zombies.count { reaper.reap($0, deadline: deadline) } } ?? 0
    tracer.end()
    return ["\(reaped) of \(zombies.count) ended copies of earlier runs were removed from the process"]
  }

  /// - Throws: `target` where the process went away meanwhile.
  func attempt(guards: FreezeGuards) throws(FreezeError) -> FreezeAttempt {
    let mappings: [Mapping]
    do throws(ProcessImageError) {
      mappings = try Procfs.mappings(of: target.memoryThread)
    } catch {
      throw .target(error)
    }
    return FreezeAttempt(
      target: target, guards: guards, options: options, memory: memory, mappings: mappings,
      mappingsFile: mappingsFile.number, gadgets: gadgets, guardian: guardian)
  }

  /// Watches over a fresh copy.
  func copy(of result: FreezeAttempt.Copy, tracer: TracerThread, guards: FreezeGuards, retries: Int) -> FrozenCopy {
    let pidfd = clinux_pidfd_open(result.child)
    let targetPidfd = clinux_pidfd_open(target.pid)
    let watchdog = CopyWatchdog(limits: guards.limits, reserve: guards.reserve, copy: pidfd, target: targetPidfd)
    return FrozenCopy(
      target: target.pid, child: result.child, tracer: tracer, reaper: reaper, pidfd: pidfd,
      targetPidfd: targetPidfd, watchdog: watchdog, hasForerunners: retries > 0)
  }
}
