import CLinux
import Glibc

/// One attempt to stop all threads and to copy the process. Runs on a tracing thread; whatever fails, the end of that thread lets
/// everything go.
struct FreezeAttempt {
  let target: Procfs.Target
  let guards: FreezeGuards
  let options: FreezeOptions
  let memory: LiveMemory
  let mappings: [Mapping]
  let mappingsFile: Int32
  let gadgets: Gadgets
  let guardian: Guardian?

  struct Copy {
    var child: Int32
    var threads: [ThreadState]
    var pause: UInt64
    /// When all ran again, monotonic.
    var end: UInt64
    var notes: [String]
  }

  private static let childStopLimit: UInt64 = 2_000_000_000

  private var pid: Int32 { target.pid }
  private func hook(_ phase: FreezePhase) { options.phaseHook?(phase) }

  /// The guardian's limit: generous against a slow host, short against a target that stands still.
  private var guardianLimit: UInt64 { options.stopBudget &+ guards.predictedPause &* 4 &+ 400_000_000 }
  private var cloneLimit: UInt64 { guards.predictedPause &* 4 &+ 300_000_000 }

  func run() -> AttemptOutcome<Copy> {
    let group = ThreadGroup(pid: pid)
    hook(.prepared)
    do throws(ThreadGroup.Failure) {
      _ = try group.seizeAll(interrupt: false)
      hook(.seized)
      guardian?.arm(milliseconds: Int32(clamping: guardianLimit / 1_000_000))
      let start = Clocks.monotonic
      try group.stopAll(until: start &+ options.stopBudget) { hook(.interrupted) }
      hook(.stopped)
      group.readRegisters()
      hook(.repaired)
      let outcome = copy(group, start: start)
      group.detachAll()
      guardian?.disarm()
      group.consumeEndedThreads()
      return outcome
    } catch {
      group.giveUp(guardian)
      guardian?.disarm()
      group.consumeEndedThreads()
      return AttemptOutcome(error, pid: pid, attempts: options.attempts)
    }
  }

  private func copy(_ group: ThreadGroup, start: UInt64) -> AttemptOutcome<Copy> {
    guard gadgets.isPresent(in: memory) else { return .failed(.targetGone(pid: pid, during: "it was being stopped")) }
    let index: Int
    do throws(InjectionChoice.Failure) {
      index = try InjectionChoice.best(
        of: group.threads, parents: group.parents, pid: pid, mappings: mappings, memory: memory,
        mappingsFile: mappingsFile, allowsUnknownFilter: options.allowsUnknownSeccompFilter,
        calls: Injection.calls(gadgets: gadgets))
    } catch {
      switch error {
      case .noThread(let reason): return .retry(.noUsableThread(pid: pid, reason: reason))
      case .seccomp(let reason): return .failed(.seccomp(pid: pid, reason: reason))
      case .shadowStack: return .failed(.shadowStack(pid: pid))
      }
    }
    var thread = group.threads[index]
    let states = group.threads.filter { $0.state == .stopped }.map(Self.threadState)
    var end = start
    var isMarked = false
    var isAlive = true
    // Not held while the others run.
    let isParent = group.parents.contains(thread.tid)
    func releaseOthers() {
      isAlive = group.detachAll(except: index)
      hook(.othersReleased)
    }
    let child: Int32
    do throws(Injection.Failure) {
      let injection = Injection(gadgets: gadgets, memory: memory, hook: options.phaseHook ?? { _ in })
      child = try injection.copy(
        &thread, isParent: isParent, deadline: Clocks.monotonic &+ cloneLimit,
        onCopy: { child in
          isMarked = ToolProcess.markFirstToDie("\(child)")
          hook(.marked)
          if !isParent { releaseOthers() }
        },
        afterRelease: {
          if isParent { releaseOthers() }
          end = Clocks.monotonic
        })
    } catch {
      group.update(index, thread)
      return failure(error)
    }
    group.update(index, thread)
    guardian?.disarm()
    hook(.released)
    return bind(child, isAlive: isAlive, isMarked: isMarked, states: states, start: start, end: end)
  }

  /// Makes the kernel kill the copy when the tool dies; until now the copy would have ended by itself.
  private func bind(_ child: Int32, isAlive: Bool, isMarked: Bool, states: [ThreadState], start: UInt64, end: UInt64)
    -> AttemptOutcome<Copy>
  {
    var tracee = Tracee(tid: child)
    guard tracee.wait(until: Clocks.monotonic &+ Self.childStopLimit) == .stopped, isAlive,
      clinux_set_options(child, UInt32(clinux_option_exitkill)) >= 0
    else {
      kill(child, SIGKILL)
      return .failed(.targetGone(pid: pid, during: "it was being copied"))
    }
    hook(.bound)
    guard isMarked else {
      kill(child, SIGKILL)
      return .failed(
        .copyFailed(pid: pid, reason: "the copy could not be marked as the first to die when memory runs out"))
    }
    return .done(Copy(child: child, threads: states, pause: end &- start, end: end, notes: guards.notes))
  }

  private func failure(_ error: Injection.Failure) -> AttemptOutcome<Copy> {
    switch error {
    case .gone: return .failed(.targetGone(pid: pid, during: "it was being copied"))
    case .failed(let step, let code): return .failed(.systemCall(pid: pid, name: step, errno: code))
    case .timedOut: return .retryOnce(.copyFailed(pid: pid, reason: "the kernel took too long to copy its page tables"))
    case .callFailed:
      return .failed(
        .copyFailed(
          pid: pid,
          reason:
            "it may not start one more process (RLIMIT_NPROC, pids.max, vm.overcommit_memory) or has no memory for it"))
    }
  }

  /// Registers as they are handed out.
  static func threadState(_ thread: Tracee) -> ThreadState {
    ThreadState(
      tid: thread.tid, stackPointer: thread.registers.rsp, instructionPointer: thread.registers.rip,
      threadPointer: thread.registers.fs_base,
      registers: withUnsafeBytes(of: thread.registers) { Array($0.bindMemory(to: UInt64.self)) },
      vectorState: thread.vectorState)
  }
}
