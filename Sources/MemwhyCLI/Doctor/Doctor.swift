import ProcessImage
import Reports

/// Checks whether memwhy can do its work, without stopping or changing anything: it reads /proc, the cgroup and files.
struct Doctor {
  typealias Check = DoctorReport.Check

  var machine: MachineFacts

  /// - Throws: `CLIError` where there is no such process at all; everything else is a check that fails.
  func examine(pid: Int32?) throws(CLIError) -> DoctorReport {
    let tool = ReportModel.Tool(version: Version.current)
    let general = MachineChecks.all(machine)
    guard let pid else { return DoctorReport(tool: tool, checks: general) }
    do throws(ProcessImageError) {
      let target = try Procfs.target(pid)
      let name = Procfs.name(of: pid)
      let checks =
        AccessChecks.all(target, machine: machine) + FreezeChecks.all(target, machine: machine)
        + ProgramChecks.all(target) + general
      return DoctorReport(tool: tool, pid: pid, name: name, checks: checks)
    } catch {
      switch error {
      case .noSuchProcess, .isThread, .kernelThread, .zombie, .processGone: throw CLIError(error)
      default:
        return DoctorReport(
          tool: tool, pid: pid, name: Procfs.name(of: pid), checks: [Check("process", .fail, "\(error)")] + general)
      }
    }
  }
}

/// What the checks ask about this machine and this user: a value, so that tests can be on any machine.
struct MachineFacts: Sendable, Hashable {
  /// `uname -r`.
  var kernelRelease: String
  var userID: UInt32
  /// One bit a capability (include/uapi/linux/capability.h).
  var effectiveCapabilities: UInt64
  /// `kernel.yama.ptrace_scope`; 0 where there is no Yama.
  var yamaScope: Int
  var architecture: String
  /// Seccomp filters of other processes can be examined.
  var mayReadFilters: Bool
  /// A seccomp filter of memwhy's own forbids ptrace.
  var isTracingFiltered: Bool

  var mayTraceAnyone: Bool { effectiveCapabilities & Permission.ptraceCapability != 0 }

  /// Major and minor version.
  var kernelVersion: (major: Int, minor: Int)? {
    let parts = kernelRelease.split { !$0.isASCII || !$0.isNumber }
    guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
    return (major, minor)
  }
}
