import Glibc

/// What this process does for the target's safety.
public enum ToolProcess {
  /// Makes this process the first to die when memory runs out: in a container it may share the target's memory limit, and what it
  /// allocates must never cost the target its life. Started children inherit it.
  ///
  /// - Returns: whether the kernel took it.
  @discardableResult
  public static func becomeFirstToDie() -> Bool { markFirstToDie("self") }

  /// The kernel's killer then takes this process before any other.
  ///
  /// - Parameter process: its folder in `/proc`.
  static func markFirstToDie(_ process: String) -> Bool {
    let file = open("/proc/\(process)/oom_score_adj", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return write(file, "1000", 4) == 4
  }
}
