import Foundation
import TestSupport

/// A headless Chromium, driven by the DevTools protocol over its standard input and output (chromium: --remote-debugging-pipe, messages ended
/// by a zero byte).
final class Chromium {
  private let process: ChildProgram
  private let input = Pipe()
  private let output = Pipe()
  private let folder = NSTemporaryDirectory() + "memwhy-chromium-\(getpid())-\(UInt32.random(in: 0 ... .max))"
  private var number = 0
  private var received = Data()
  private let deadline: Date

  static func find() -> String? {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  /// - Parameter seconds: for all that is asked of it.
  init(_ path: String, seconds: TimeInterval) throws {
    deadline = Date().addingTimeInterval(seconds)
    // The protocol's descriptors are 3 and 4.
    let arguments = [
      "-c",
      "exec \"$0\" --headless=new --no-sandbox --disable-gpu --no-first-run --user-data-dir=\"$1\" "
        + "--remote-debugging-pipe about:blank 3<&0 4>&1 >/dev/null 2>&1",
      path, folder,
    ]
    process = try ChildProgram(
      "/bin/sh", arguments, input: input.fileHandleForReading.fileDescriptor,
      output: output.fileHandleForWriting.fileDescriptor)
    try input.fileHandleForReading.close()
    try output.fileHandleForWriting.close()
    let end = output.fileHandleForReading.fileDescriptor
    _ = fcntl(end, F_SETFL, O_NONBLOCK)
  }

  /// Sends a command and waits for its result.
  func call(_ method: String, _ parameters: [String: Any] = [:], session: String? = nil) throws -> [String: Any] {
    number += 1
    var message: [String: Any] = ["id": number, "method": method, "params": parameters]
    if let session { message["sessionId"] = session }
    try input.fileHandleForWriting.write(contentsOf: JSONSerialization.data(withJSONObject: message) + [0])
    while true {
      guard let answer = try next(method) as? [String: Any], answer["id"] as? Int == number else { continue }
      guard let result = answer["result"] as? [String: Any] else { throw TestFailure("\(method): \(answer)") }
      return result
    }
  }

  private func next(_ method: String) throws -> Any {
    while true {
      if let zero = received.firstIndex(of: 0) {
        let message = received[..<zero]
        received = Data(received[received.index(after: zero)...])
        return try JSONSerialization.jsonObject(with: message)
      }
      guard Date() < deadline, process.isRunning else { throw TestFailure("Chromium did not answer \(method)") }
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(output.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
      if count > 0 { received.append(contentsOf: buffer[..<count]) } else { usleep(10_000) }
    }
  }

  func stop() {
    _ = try? call("Browser.close")
    for _ in 0..<300 where process.isRunning { usleep(10_000) }
    process.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }
}
