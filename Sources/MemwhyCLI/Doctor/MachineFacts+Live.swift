import Glibc
import ProcessImage

extension MachineFacts {
  /// This machine and this user.
  static func live() -> MachineFacts {
    var names = utsname()
    uname(&names)
    let status = try? Procfs.status(of: getpid())
    return MachineFacts(
      kernelRelease: text(of: &names.release), userID: geteuid(),
      effectiveCapabilities: status?.effectiveCapabilities ?? 0, yamaScope: Permission.yamaScope,
      architecture: text(of: &names.machine), mayReadFilters: Permission.mayReadFilters,
      isTracingFiltered: Permission.isTracingFiltered)
  }

  /// A C string in a fixed array, which Swift sees as a tuple.
  private static func text<T>(of field: inout T) -> String {
    withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
