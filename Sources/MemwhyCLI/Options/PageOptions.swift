import ArgumentParser
import Glibc
import ProcessImage

/// The report as a web page, beside what goes to stdout.
struct PageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Also write the report as one self-contained web page.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  /// Before a process is touched: a folder that is not there must not cost it a pause.
  func check() throws(CLIError) {
    guard let html else { return }
    let folder = html.lastIndex(of: "/").map { html[..<$0].isEmpty ? "/" : String(html[..<$0]) } ?? "."
    guard access(folder, W_OK) == 0 else { throw Self.failure(html, errno) }
    var status = stat()
    if stat(html, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw Self.failure(html, EISDIR) }
  }

  /// Writes the page beside the old one and moves it there, so that nobody reads half of it.
  func write(_ render: () throws -> String) throws {
    guard let html else { return }
    let page: String
    do { page = try render() } catch { throw CLIError.fault("\(error)") }
    let draft = "\(html).\(getpid())"
    // A report names types and holders: nobody's business but the owner's.
    let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.failure(html, errno) }
    let isWritten = Terminal.write(page, to: file)
    let code = errno
    guard close(file) == 0, isWritten, rename(draft, html) == 0 else {
      let reason = isWritten ? errno : code
      unlink(draft)
      throw Self.failure(html, reason)
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> CLIError {
    .noInput("cannot write \(path): \(systemMessage(code)); choose another --html")
  }
}
