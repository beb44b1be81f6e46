/// Types by which somebody is told who waits: continuations of the standard library, promises of SwiftNIO.
public enum Promises {
  private static let names: Set<String> = [
    "NIOCore.EventLoopPromise", "CheckedContinuation", "UnsafeContinuation",
  ]

  /// - Parameter type: as a developer writes it; optional ones count.
  public static func contain(_ type: String) -> Bool {
    names.contains(String(type.prefix { $0 != "<" && $0 != "?" }))
  }
}
