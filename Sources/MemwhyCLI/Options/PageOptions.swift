import ArgumentParser

/// The report as a web page, beside what goes to stdout.
struct PageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Also write the report as one self-contained web page.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  /// Before a process is touched.
  func check() throws(CLIError) { try OutputFile.check(html) }

  /// A report names types and holders: nobody's business but the owner's.
  func write(_ render: () throws -> String) throws {
    guard let html else { return }
    let page: String
    do { page = try render() } catch { throw CLIError.fault("\(error)") }
    try OutputFile.write(Array(page.utf8), to: html, isPrivate: true)
  }
}
