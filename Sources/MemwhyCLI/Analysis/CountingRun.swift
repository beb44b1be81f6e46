import Glibc
import Synchronization

/// The command once more, in place of itself, where it took more memory than there was: with what takes hardly any, counting blocks.
///
/// A program that is replaced (execve(2)) gives back at once all that it took.
enum CountingRun {
  private static let variable = "MEMWHY_COUNT_ONLY"
  private static let isAllowed = Atomic<Bool>(false)

  /// This is one.
  static var isThis: Bool { getenv(variable) != nil }

  /// The command has an answer where blocks are only counted, and none is printed yet.
  static func allow() { isAllowed.store(true, ordering: .relaxed) }
  static func forbid() { isAllowed.store(false, ordering: .relaxed) }

  /// Returns where it is not allowed, or cannot be begun.
  static func begin(_ reason: String) {
    guard isAllowed.load(ordering: .relaxed), !isThis else { return }
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup(variable + "=1")]
    var next = environ
    while let entry = next.pointee {
      environment.append(entry)
      next += 1
    }
    environment.append(nil)
    Terminal.error("\nmemwhy: \(reason). Begun again: blocks are counted by type only\n")
    execve("/proc/self/exe", &arguments, &environment)
  }
}
