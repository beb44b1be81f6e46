import Foundation

/// A headless Chromium that opens a page and says what became of it.
public struct Browser: Sendable {
  public struct Page: Sendable {
    /// The document after its scripts have run.
    public var document: String
    /// Errors and warnings of scripts and of the page's policy.
    public var console: [String]
  }

  /// nil where no Chromium is installed.
  public static let installed: Browser? = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }.map { Browser(path: $0) }

  let path: String

  /// Opens an address with a profile of its own, which is gone afterwards.
  ///
  /// - Parameter options: further options of Chromium.
  public func open(_ address: String, options: [String] = []) throws -> Page {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-browser-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let arguments =
      [
        "60", path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--user-data-dir=\(folder.path)", "--enable-logging=stderr",
        "--window-size=1280,1600",
      ] + options + ["--dump-dom", address]
    // To files: a pipe that nobody empties would stop it.
    let (output, errors) = (folder.appendingPathComponent("dom"), folder.appendingPathComponent("log"))
    for file in [output, errors] { try Data().write(to: file) }
    let streams = try [output, errors].map { try FileHandle(forWritingTo: $0) }
    try ChildProgram(
      "/usr/bin/timeout", arguments, output: streams[0].fileDescriptor, errors: streams[1].fileDescriptor
    ).waitUntilEnd()
    let log = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    return Page(
      document: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      console: log.split(separator: "\n").filter { $0.contains(":CONSOLE") }.map(String.init))
  }
}
