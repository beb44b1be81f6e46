import Foundation
import TestSupport

/// The toolchain's `sourcekit-lsp` with a small package opened, driven over its standard input and output (JSON-RPC 2.0 with
/// `Content-Length` headers, Language Server Protocol 3.17, base protocol).
final class LanguageServer: @unchecked Sendable {
  private let process: ChildProgram
  private let input = Pipe()
  private let output = Pipe()
  private let lock = NSLock()
  private var received = Data()
  private let folder: TemporaryPath
  var pid: Int32 { process.pid }

  /// Where the toolchain has it, or nil.
  static func find() -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map {
      "\($0)/sourcekit-lsp"
    }
    return (folders + ["/usr/bin/sourcekit-lsp"]).first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  init(_ path: String) throws {
    folder = TemporaryPath("package")
    process = try ChildProgram(
      path, input: input.fileHandleForReading.fileDescriptor, output: output.fileHandleForWriting.fileDescriptor)
    try input.fileHandleForReading.close()
    try output.fileHandleForWriting.close()
    output.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let data = handle.availableData
      guard !data.isEmpty, let self else {
        handle.readabilityHandler = nil
        return
      }
      self.lock.withLock { self.received.append(data) }
    }
  }

  /// Opens a package of two files and asks enough for the compiler inside to have worked; returns when it has answered.
  func openPackage() throws {
    let root = folder.path
    try FileManager.default.createDirectory(atPath: root + "/Sources/Small", withIntermediateDirectories: true)
    try Data(
      """
      // swift-tools-version: 5.9
      import PackageDescription
      let package = Package(name: "Small", targets: [.target(name: "Small")])
      """.utf8
    ).write(to: URL(fileURLWithPath: root + "/Package.swift"))
    let text = """
      public struct Point { public var x = 0.0, y = 0.0 }
      public func distance(_ a: Point, _ b: Point) -> Double { ((a.x - b.x) * (a.x - b.x)).squareRoot() }
      public let points = (0..<10).map { Point(x: Double($0), y: 1) }
      """
    let file = root + "/Sources/Small/Point.swift"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    let uri = "file://" + file
    send([
      "id": 1, "method": "initialize",
      "params": ["processId": NSNull(), "rootUri": "file://" + root, "capabilities": [:]],
    ])
    try wait(for: 1)
    send(["method": "initialized", "params": [:]])
    let document: [String: Any] = ["uri": uri, "languageId": "swift", "version": 1, "text": text]
    send(["method": "textDocument/didOpen", "params": ["textDocument": document]])
    let place: [String: Any] = ["textDocument": ["uri": uri], "position": ["line": 1, "character": 14]]
    send(["id": 2, "method": "textDocument/documentSymbol", "params": ["textDocument": ["uri": uri]]])
    // No hover: its answer is made with FoundationXML, whose documents leak (a node holds its document, which holds its nodes).
    send(["id": 3, "method": "textDocument/definition", "params": place])
    send(["id": 4, "method": "textDocument/completion", "params": place])
    send(["id": 5, "method": "textDocument/semanticTokens/full", "params": ["textDocument": ["uri": uri]]])
    for id in 2...5 { try wait(for: id) }
  }

  private func send(_ message: [String: Any]) {
    var message = message
    message["jsonrpc"] = "2.0"
    guard let body = try? JSONSerialization.data(withJSONObject: message) else { return }
    try? input.fileHandleForWriting.write(contentsOf: Data("Content-Length: \(body.count)\r\n\r\n".utf8) + body)
  }

  /// Waits for the answer to a request.
  private func wait(for id: Int) throws {
    let deadline = Date().addingTimeInterval(90)
    while Date() < deadline, process.isRunning {
      let text = lock.withLock { String(decoding: received, as: UTF8.self) }
      if text.contains("\"id\":\(id),") || text.contains("\"id\":\(id)}") { return }
      usleep(20_000)
    }
    throw TestFailure("sourcekit-lsp did not answer request \(id)")
  }

  func stop() {
    send(["id": 99, "method": "shutdown"])
    send(["method": "exit"])
    let deadline = Date().addingTimeInterval(10)
    while process.isRunning && Date() < deadline { usleep(20_000) }
    process.stop()
    output.fileHandleForReading.readabilityHandler = nil
  }
}
