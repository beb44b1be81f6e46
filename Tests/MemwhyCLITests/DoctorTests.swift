import Foundation
import ProcessImage
import Reports
import TestSupport
import Testing
import Timeline

@testable import MemwhyCLI

struct DoctorTests {
  static let machine = MachineFacts(
    kernelRelease: "6.8.0-45-generic", userID: 1000, effectiveCapabilities: 0, yamaScope: 0, architecture: "x86_64",
    mayReadFilters: false, isTracingFiltered: false)

  private func status(_ lines: String...) -> ProcessStatus {
    ProcessStatus(parsing: Array(lines.joined(separator: "\n").utf8))
  }

  private func with(_ change: (inout MachineFacts) -> Void) -> MachineFacts {
    var machine = Self.machine
    change(&machine)
    return machine
  }

  @Test func judgesPermission() {
    let own = status("Uid:\t1000\t1000\t1000\t1000", "CapPrm:\t0")
    let other = status("Uid:\t0\t0\t0\t0", "CapPrm:\t0")
    let strong = status("Uid:\t1000\t1000\t1000\t1000", "CapPrm:\t400")
    let capable = with { $0.effectiveCapabilities = 1 << 19 }
    func verdict(_ status: ProcessStatus, _ machine: MachineFacts, maps: ProcessImageError? = nil)
      -> DoctorReport.Status
    {
      AccessChecks.permission(status, machine: machine, maps: maps).status
    }
    #expect(verdict(own, Self.machine) == .ok)
    #expect(verdict(other, Self.machine) == .fail)
    #expect(verdict(own, capable) == .ok)
    // /proc/PID/mem of another user is open to nobody without this.
    #expect(verdict(other, capable) == .fail)
    #expect(verdict(other, with { $0.effectiveCapabilities = 1 << 19 | 1 << 1 }) == .ok)
    #expect(verdict(strong, Self.machine) == .fail)
    #expect(verdict(own, with { $0.yamaScope = 1 }) == .fail)
    // A container without root: its first process is root inside, and whoever made its user namespace may trace it.
    #expect(
      AccessChecks.permission(strong, machine: Self.machine, maps: nil, ownsNamespace: true).status == .ok)
    #expect(
      verdict(
        own,
        with {
          $0.yamaScope = 3
          $0.effectiveCapabilities = 1 << 19
        }) == .fail)
    #expect(verdict(own, with { $0.isTracingFiltered = true }) == .fail)
    #expect(
      MachineChecks.all(with { $0.isTracingFiltered = true }).contains { $0.name == "tracing" && $0.status == .fail })
    #expect(verdict(own, capable, maps: .notPermitted(pid: 1, attempted: "x", reason: .securityModule)) == .fail)
    #expect(AccessChecks.tracer(status("TracerPid:\t77")).status == .fail)
    #expect(AccessChecks.tracer(status("TracerPid:\t0")).status == .ok)
  }

  @Test(arguments: [
    ("6.7.0", DoctorReport.Status.ok), ("6.18.44-x", .ok), ("10.0", .ok), ("6.6.99", .warn), ("5.15.0-100", .warn),
    ("odd", .warn),
  ])
  func judgesTheKernel(release: String, expected: DoctorReport.Status) throws {
    let checks = MachineChecks.all(with { $0.kernelRelease = release })
    #expect(try #require(checks.first { $0.name == "kernel" }).status == expected)
  }

  @Test(arguments: [(0, DoctorReport.Status.ok), (1, .warn), (2, .fail), (3, .fail)])
  func judgesYama(scope: Int, expected: DoctorReport.Status) throws {
    let checks = MachineChecks.all(with { $0.yamaScope = scope })
    #expect(try #require(checks.first { $0.name == "tracing" }).status == expected)
    let root = MachineChecks.all(
      with {
        $0.yamaScope = scope
        $0.effectiveCapabilities = 1 << 19
      })
    // At 3 not even root may (yama_ptrace_access_check in security/yama/yama_lsm.c of Linux 6.1).
    #expect(try #require(root.first { $0.name == "tracing" }).status == (scope == 3 ? .fail : .ok))
  }

  @Test func judgesWhatGuardsTheFreeze() {
    let host = with { $0.mayReadFilters = true }
    #expect(FreezeChecks.seccomp(status("Seccomp:\t0"), machine: Self.machine).status == .ok)
    #expect(FreezeChecks.seccomp(status("Seccomp:\t1"), machine: host).status == .fail)
    #expect(FreezeChecks.seccomp(status("Seccomp:\t2"), machine: host).status == .ok)
    // In a container under the same filter.
    let unread = FreezeChecks.seccomp(status("Seccomp:\t2"), machine: Self.machine)
    #expect(unread.status == .fail && unread.advice?.contains("--freeze stop") == true)
    var outlook = FreezeOutlook(predictedPause: 31_000_000, needed: 74 << 20, room: 1 << 30, limit: "the host's memory")
    #expect(FreezeChecks.memory(outlook).status == .ok)
    #expect(FreezeChecks.pause(outlook).detail.contains("31 ms"))
    outlook.notes = ["a limit is hidden"]
    #expect(FreezeChecks.pause(outlook).status == .warn)
    outlook.refusal = .noHeadroom(
      pid: 1, group: "memory control group /a", needed: 74 << 20, available: 5 << 20, stopPause: 320_000_000)
    #expect(FreezeChecks.memory(outlook).status == .fail)
    #expect(FreezeChecks.memory(outlook).detail.contains("5.0 MiB"))
    #expect(FreezeChecks.pause(outlook).status == .fail)
    #expect(FreezeChecks.pause(outlook).detail.contains("--freeze stop (a pause of up to 320 ms"))
  }

  /// Files as the kernel writes them.
  @Test func saysWhatTheGroupsLimitMeans() throws {
    let folder = try makeTemporaryFolder("group")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, text) in [
      ("memory.current", "50000000"), ("memory.max", "104857600"), ("memory.stat", "anon 40000000"),
      ("memory.peak", "104857600"), ("memory.swap.max", "0"), ("memory.swap.current", "0"),
    ] { try (text + "\n").write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
    let checks = FreezeChecks.group(try ControlGroupReader(folder: folder))
    #expect(
      checks.map(\.detail) == [
        "the most so far was 100.0 MiB, page cache included, 100 % of the limit; it may not swap: at the limit the kernel ends a process"
      ], "\(checks)")
    for name in ["memory.peak", "memory.swap.max", "memory.swap.current"] { unlink("\(folder)/\(name)") }
    #expect(FreezeChecks.group(try ControlGroupReader(folder: folder)).isEmpty)
  }

  @Test func judgesTheAllocator() {
    #expect(ProgramChecks.allocator(["/lib/x86_64-linux-gnu/libc.so.6"], isStatic: false).status == .ok)
    let jemalloc = ProgramChecks.allocator(["/lib/libc.so.6", "/usr/lib/libjemalloc.so.2"], isStatic: false)
    #expect(jemalloc.status == .warn)
    #expect(jemalloc.detail.contains("jemalloc"))
    #expect(ProgramChecks.allocator(["/lib/ld-musl-x86_64.so.1"], isStatic: false).status == .warn)
    #expect(ProgramChecks.allocator([], isStatic: true).status == .warn)
  }

  @Test func countsPrologues() {
    #expect(ProgramChecks.prologues(in: []) == 0)
    #expect(ProgramChecks.prologues(in: [0x55, 0x48, 0x89]) == 0)
    #expect(ProgramChecks.prologues(in: [0x55, 0x48, 0x89, 0xe5, 0x90, 0x55, 0x48, 0x89, 0xe5]) == 2)
  }

  /// On a process of our own: it must not be stopped, and everything that can be known is known.
  @Test func examinesARunningProcess() throws {
    let program = try RunningProgram("/bin/sleep", ["30"], ready: nil)
    defer { program.stop() }
    let report = try Doctor(machine: .live()).examine(pid: program.pid)
    #expect(report.name == "sleep")
    let names = report.checks.map(\.name)
    for name in ["permission", "tracer", "seccomp", "memory", "freeze", "swift", "allocator", "symbols", "kernel"] {
      #expect(names.contains(name), "\(names)")
    }
    #expect(try #require(report.checks.first { $0.name == "swift" }).status == .warn)
    #expect(program.isRunning)
  }

  @Test func aProcessThatIsNotThereIsAnError() throws {
    let program = try RunningProgram("/bin/true", ready: nil)
    program.stop()
    #expect(throws: CLIError.self) { try Doctor(machine: .live()).examine(pid: program.pid) }
    #expect(throws: CLIError.self) { try Doctor(machine: .live()).examine(pid: 2) }
  }

  @Test func goldens() throws {
    let checks =
      MachineChecks.all(with { $0.yamaScope = 1 }) + [
        ProgramChecks.allocator(["/lib/libjemalloc.so.2"], isStatic: false),
        AccessChecks.tracer(status("TracerPid:\t77")),
      ]
    let report = DoctorReport(tool: .init(version: "0.0.0"), pid: 4711, name: "shop", checks: checks)
    #expect(try Golden.difference("shop.doctor", DoctorText().render(report)) == nil)
    #expect(try Golden.difference("shop.doctor.--json", JSONReport.render(report)) == nil)
  }
}
