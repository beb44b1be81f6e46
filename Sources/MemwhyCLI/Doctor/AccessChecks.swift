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

  /// The rules of man 2 ptrace, "Ptrace access mode checking", as far as /proc shows them.
  static func permission(
    _ status: ProcessStatus, machine: MachineFacts, maps: ProcessImageError?, ownsNamespace: Bool = false
  ) -> Check {
    if let maps { return Check("permission", .fail, "\(maps)") }
    if machine.isTracingFiltered {
      return Check("permission", .fail, "a seccomp filter forbids ptrace to memwhy", advice: "use --freeze none")
    }
    if machine.yamaScope >= 3 {
      return Check(
        "permission", .fail, "kernel.yama.ptrace_scope is \(machine.yamaScope): nobody may attach until the next boot",
        advice: "use --freeze none, or take a core file and use --core")
    }
    if machine.mayTraceAnyone { return Check("permission", .ok, "memwhy has CAP_SYS_PTRACE") }
    // Yama asks for the capability in the process's own namespace, too.
    if ownsNamespace {
      return Check("permission", .ok, "user \(machine.userID) made the user namespace that the process is in")
    }
    if let other = status.userIDs.prefix(3).first(where: { $0 != machine.userID }) {
      return Check(
        "permission", .fail, "the process belongs to user \(other), memwhy runs as user \(machine.userID)",
        advice: "run memwhy as user \(other) or as root")
    }
    if status.permittedCapabilities & ~machine.effectiveCapabilities != 0 {
      return Check(
        "permission", .fail, "the process holds capabilities that memwhy lacks",
        advice: "run memwhy as root, or in a container with `--cap-add SYS_PTRACE`")
    }
    if machine.yamaScope > 0 {
      return Check(
        "permission", .fail, "kernel.yama.ptrace_scope is \(machine.yamaScope) and memwhy lacks CAP_SYS_PTRACE",
        advice: "run memwhy as root or with CAP_SYS_PTRACE")
    }
    return Check("permission", .ok, "same user \(machine.userID), no further capabilities")
  }

  static func tracer(_ status: ProcessStatus) -> Check {
    status.tracer == 0
      ? Check("tracer", .ok, "no debugger is attached")
      : Check(
        "tracer", .fail, "process \(status.tracer) is attached already",
        advice: "end the debugger or strace with that id; a process has room for one")
  }
}
