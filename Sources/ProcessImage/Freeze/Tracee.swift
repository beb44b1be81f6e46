import CLinux
import Glibc

/// One thread of the target while it is attached. Used on the tracing thread only.
struct Tracee {
  enum State {
    /// Attached, still running.
    case seized
    /// Asked to stop.
    case interrupted
    /// Stands still; `status` says why.
    case stopped
    /// Let go, or ended.
    case gone
  }

  let tid: Int32
  var state = State.seized
  /// `si_status` of the stop: signal | event << 8.
  var status: Int32 = 0
  var registers = clinux_registers()
  var vectorState: [UInt8] = []

  init(tid: Int32) { self.tid = tid }

  /// Stands where an interruption leaves it: neither about to receive a signal nor stopped by SIGSTOP.
  var isInPlainStop: Bool {
    state == .stopped && status >> 8 == Int32(clinux_event_stop) && status & 0xff == SIGTRAP
  }

  enum Wait { case stopped, ended, timedOut }

  /// Waits for a stop **without consuming it**: a consumed stop at a signal's delivery would lose that signal if the tool died. Polls,
  /// because a blocking wait has no deadline.
  mutating func wait(until deadline: UInt64) -> Wait {
    var looks = 0
    while true {
      var code: Int32 = 0
      var status: Int32 = 0
      let result = clinux_look(tid, &code, &status)
      if result < 0 {
        state = .gone
        return .ended
      }
      if result == 1 {
        if code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED {
          state = .gone
          return .ended
        }
        state = .stopped
        self.status = status
        return .stopped
      }
      if Clocks.monotonic >= deadline { return .timedOut }
      looks += 1
      if looks > 50 { Clocks.sleep(20_000) } else { sched_yield() }
    }
  }

  /// Reads all registers; false where the thread died meanwhile.
  mutating func readRegisters() -> Bool {
    guard clinux_get_registers(tid, &registers) >= 0 else { return false }
    var area = [UInt8](repeating: 0, count: Self.largestVectorState)
    let count = area.withUnsafeMutableBytes { clinux_get_xsave(tid, $0.baseAddress, $0.count) }
    vectorState = count > 0 ? Array(area[..<min(Int(count), area.count)]) : []
    return true
  }

  /// AMX tiles included, an XSAVE area has about 11 KiB.
  private static let largestVectorState = 16 << 10

  /// Repairs a call that this stop would end with `EINTR`, and a sleep whose way of going on a seccomp filter would not let pass. `registers` keep
  /// what was read, with the repair.
  mutating func repair() {
    guard
      let repaired = InterruptedCall.repaired(registers)
        ?? (isRestartForbidden ? InterruptedCall.sleepingAnew(registers) : nil)
    else { return }
    if withUnsafePointer(to: repaired, { clinux_set_registers(tid, $0) }) >= 0 { registers = repaired }
  }

  /// A filter that may not be read counts as one that forbids it: sleeping longer is the lesser harm.
  private var isRestartForbidden: Bool {
    guard InterruptedCall.needsRestartCall(registers) else { return false }
    // Nobody but the kernel knows a thread's mode without a look into its files, which a thousand sleepers would wait for.
    let count = clinux_get_seccomp_filter(tid, 0, nil)
    if count == -Int(EINVAL) || count == -Int(ENOENT) { return false }
    let mode = count >= 0 ? SeccompFilter.filtered : (try? Procfs.status(of: tid))?.seccompMode ?? 0
    let call = InterruptedCall.restartCall(registers)
    return SeccompFilter.refusal(mode: mode, tid: tid, calls: [call], allowsUnknown: false) != nil
  }

  /// Lets a stopped thread go; a signal that was about to be delivered is passed on. False where the thread is dying.
  @discardableResult
  mutating func detach() -> Bool {
    guard state == .stopped else { return true }
    let signal = status >> 8 == 0 ? status & 0x7f : 0
    state = .gone
    return clinux_detach(tid, signal) >= 0
  }
}
