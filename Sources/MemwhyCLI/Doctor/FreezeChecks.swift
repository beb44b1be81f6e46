import Diagnosis
import Measurement
import ProcessImage
import Reports
import Timeline

/// Would the freeze be refused to protect the process, and what would it cost?
enum FreezeChecks {
  typealias Check = DoctorReport.Check

  static func all(_ target: Procfs.Target, machine: MachineFacts) -> [Check] {
    let outlook = FreezeOutlook(of: target)
    return [seccomp(target.status, machine: machine), memory(outlook), pause(outlook)] + shared(target)
      + (ControlGroupReader(of: target.pid).map(group) ?? [])
  }

  static func seccomp(_ status: ProcessStatus, machine: MachineFacts) -> Check {
    switch status.seccompMode {
    case 0: Check("seccomp", .ok, "no filter")
    case 2 where machine.mayReadFilters:
      Check("seccomp", .ok, "a filter, which is examined before anything is injected")
    case 2:
      Check(
        "seccomp", .fail,
        "a filter, which memwhy may not examine here: that takes CAP_SYS_ADMIN on the host and no filter of its own",
        advice: "use --freeze stop, or run memwhy on the host as root")
    default:
      Check(
        "seccomp", .fail, "strict mode: the kernel would kill the process for any further call",
        advice: "use --freeze none")
    }
  }

  static func memory(_ outlook: FreezeOutlook) -> Check {
    let room =
      outlook.room.map { "\(ByteCount($0)) below the limit of \(outlook.limit ?? "the process")" } ?? "no limit"
    if case .noHeadroom(_, let group, let needed, let available, let stopPause) = outlook.refusal {
      return Check(
        "memory", .fail, "a copy needs \(ByteCount(needed)) of room, \(group) has \(ByteCount(available))",
        advice: "use \(stopPause == nil ? "" : "--freeze stop or ")--freeze none, or a smaller --cow-budget")
    }
    guard let needed = outlook.needed else { return Check("memory", .ok, room) }
    return Check("memory", .ok, "a copy needs \(ByteCount(needed)) of room; \(room)")
  }

  /// What memwhy itself allocates, where that is charged to the process's limit.
  private static func shared(_ target: Procfs.Target) -> [Check] {
    guard let refusal = SharedLimitWatch(target: target.pid, onShortage: { _ in })?.refusal else { return [] }
    return [Check("own memory", .fail, refusal)]
  }

  /// What the kernel says of the process's control group beside its limit.
  static func group(_ reader: ControlGroupReader) -> [Check] {
    var sample = Sample(time: 0)
    guard reader.read(into: &sample) else { return [] }
    let group = GroupMemory(sample)
    guard !group.sentences.isEmpty else { return [] }
    return [Check("control group", .ok, group.sentences.joined(separator: "; "))]
  }

  /// All guards together.
  static func pause(_ outlook: FreezeOutlook) -> Check {
    let pause = "all threads would stand still for about \(TimeSpan(nanoseconds: outlook.predictedPause))"
    if let refusal = outlook.refusal { return Check("freeze", .fail, "refused: \(refusal)") }
    guard let note = outlook.notes.first else { return Check("freeze", .ok, pause) }
    return Check("freeze", .warn, "\(pause); \(note)")
  }
}
