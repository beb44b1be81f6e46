import Measurement
import ProcessImage
import Reports

/// Would the freeze be refused to protect the process, and what would it cost?
enum FreezeChecks {
  typealias Check = DoctorReport.Check

  static func all(_ target: Procfs.Target) -> [Check] {
    let outlook = FreezeOutlook(of: target)
    return [seccomp(target.status, outlook.refusal), memory(outlook), pause(outlook)]
  }

  static func seccomp(_ status: ProcessStatus, _ refusal: FreezeError? = nil) -> Check {
    if status.seccompMode == 2, case .seccomp(_, let reason) = refusal {
      return Check("seccomp", .fail, "a filter, and \(reason)", advice: "use --freeze stop or --freeze none")
    }
    return switch status.seccompMode {
    case 0: Check("seccomp", .ok, "no filter")
    case 2: Check("seccomp", .ok, "a filter, which is examined before anything is injected")
    default:
      Check(
        "seccomp", .fail, "strict mode: the kernel would kill the process for any further call",
        advice: "use --freeze none")
    }
  }

  static func memory(_ outlook: FreezeOutlook) -> Check {
    let room =
      outlook.room.map { "\(ByteCount($0)) below the limit of \(outlook.limit ?? "the process")" } ?? "no limit"
    if case .noHeadroom(_, let group, let needed, let available) = outlook.refusal {
      return Check(
        "memory", .fail, "a copy needs \(ByteCount(needed)) of room, \(group) has \(ByteCount(available))",
        advice: "use --freeze stop or --freeze none, or a smaller --cow-budget")
    }
    guard let needed = outlook.needed else { return Check("memory", .ok, room) }
    return Check("memory", .ok, "a copy needs \(ByteCount(needed)) of room; \(room)")
  }

  /// All guards together.
  static func pause(_ outlook: FreezeOutlook) -> Check {
    let pause = "all threads would stand still for about \(TimeSpan(nanoseconds: outlook.predictedPause))"
    if let refusal = outlook.refusal { return Check("freeze", .fail, "refused: \(refusal)") }
    guard let note = outlook.notes.first else { return Check("freeze", .ok, pause) }
    return Check("freeze", .warn, "\(pause); \(note)")
  }
}
