import ProcessImage
import Reports

/// May memwhy attach to this process?
enum AccessChecks {
  typealias Check = DoctorReport.Check

  static func all(_ target: Procfs.Target, machine: MachineFacts) -> [Check] {
    [
      permission(
        target.status, machine: machine, maps: readable(target), ownsNamespace: Permission.ownsNamespace(of: target.pid)
      ),
      tracer(target.status),
    ].compactMap { $0 }
  }

  /// The kernel's own answer to the weaker question, who may read the memory map (PTRACE_MODE_READ).
  private static func readable(_ target: Procfs.Target) -> ProcessImageError? {
    do throws(ProcessImageError) {
      _ = try Procfs.mappings(of: target.memoryThread)
      return nil
    } catch { return error }
  }

  /// What the kernel said about the memory map, and what its rules say about attaching.
  static func permission(
    _ status: ProcessStatus, machine: MachineFacts, maps: ProcessImageError?, ownsNamespace: Bool = false
  ) -> Check {
    if let maps { return Check("permission", .fail, "\(maps)") }
    if machine.isTracingFiltered {
      return Check("permission", .fail, Denial.filtered.cause, advice: Denial.filtered.advice)
    }
    let denial = Permission.denialByRules(
      of: status, user: machine.userID, capabilities: machine.effectiveCapabilities, yamaScope: machine.yamaScope,
      ownsNamespace: ownsNamespace)
    if let denial { return Check("permission", .fail, denial.cause, advice: denial.advice) }
    if machine.mayTraceAnyone { return Check("permission", .ok, "memwhy has CAP_SYS_PTRACE") }
    return Check(
      "permission", .ok,
      ownsNamespace
        ? "user \(machine.userID) made the user namespace that the process is in"
        : "same user \(machine.userID), no further capabilities")
  }

  static func tracer(_ status: ProcessStatus) -> Check {
    status.tracer == 0
      ? Check("tracer", .ok, "no debugger is attached")
      : Check(
        "tracer", .fail, "process \(status.tracer) is attached already",
        advice: "end the debugger or strace with that id; a process has room for one")
  }
}
