import ProcessImage
import Reports

/// Checks that hold for every process on this machine.
enum MachineChecks {
  typealias Check = DoctorReport.Check

  static func all(_ machine: MachineFacts) -> [Check] {
    [architecture(machine), kernel(machine), tracing(machine)]
  }

  private static func architecture(_ machine: MachineFacts) -> Check {
    machine.architecture == "x86_64"
      ? Check("processor", .ok, "x86-64")
      : Check(
        "processor", .fail, "\(machine.architecture): only x86-64 processes can be frozen and decoded",
        advice: "run memwhy on an x86-64 machine, or on a core file from one")
  }

  /// PAGEMAP_SCAN came with Linux 6.7 (Documentation/admin-guide/mm/pagemap.rst).
  private static func kernel(_ machine: MachineFacts) -> Check {
    guard let version = machine.kernelVersion else {
      return Check("kernel", .warn, "Linux \(machine.kernelRelease): the version cannot be told")
    }
    if (version.major, version.minor) >= (6, 7) {
      return Check("kernel", .ok, "Linux \(machine.kernelRelease): pages in use are found with PAGEMAP_SCAN")
    }
    return Check(
      "kernel", .warn,
      "Linux \(machine.kernelRelease) has no PAGEMAP_SCAN (6.7): pages in use are looked up one by one, which takes longer"
    )
  }

  private static func tracing(_ machine: MachineFacts) -> Check {
    let user = machine.userID == 0 ? "root" : "user \(machine.userID)"
    if machine.isTracingFiltered {
      return Check(
        "tracing", .fail, Denial.filtered.cause, advice: Denial.filtered.advice)
    }
    if machine.yamaScope < 3, machine.mayTraceAnyone {
      return Check("tracing", .ok, "\(user) with CAP_SYS_PTRACE may attach to any process")
    }
    switch machine.yamaScope {
    case 0: return Check("tracing", .ok, "\(user) may attach to processes of the same user")
    case 1:
      return Check(
        "tracing", .warn, "kernel.yama.ptrace_scope is 1: \(user) may attach to its own children only",
        advice: Denial.yama(scope: 1).advice)
    case 2:
      return Check(
        "tracing", .fail, "kernel.yama.ptrace_scope is 2: attaching needs CAP_SYS_PTRACE, which \(user) lacks",
        advice: Denial.yama(scope: 2).advice)
    default:
      return Check(
        "tracing", .fail, "kernel.yama.ptrace_scope is \(machine.yamaScope): nobody may attach until the next boot",
        advice: "take a core file and use --core")
    }
  }
}
