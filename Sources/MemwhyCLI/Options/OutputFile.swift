import Foundation

/// Files that verbs write.
enum OutputFile {
  /// Writes all of it, or leaves what was there.
  ///
  /// - Parameter quiet: says nothing of it on stderr.
  static func write(_ bytes: [UInt8], to path: String, quiet: Bool = true) throws(CLIError) {
    do { try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
      throw CLIError.noInput("cannot write \(path): \(error.localizedDescription); choose another file")
    }
    if !quiet { Terminal.error("memwhy: wrote \(path)\n") }
  }
}
