import Glibc

extension String {
  /// What comes after the last slash, those at the end left out, as basename(1) gives it; nil where there is nothing.
  package var fileName: String? { split(separator: "/").last.map(String.init) }

  /// The folder in which a file of this path is, without a slash at its end: `/` for the root, `.` for a name alone.
  package var folder: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }

  /// Where temporary files are made: `TMPDIR`, or `/tmp`.
  package static var temporaryFolder: String {
    let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    return named.isEmpty ? "/tmp" : named
  }
}
