import Foundation
import ProcessImage

/// Files and folders by name, without exceptions.
enum Files {
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
  static func isProgram(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }
  static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  /// A new folder that only this user can read.
  static func temporaryFolder(_ name: String) throws(CLIError) -> String {
    let path = NSTemporaryDirectory() + "memwhy-\(name)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw CLIError.fault("cannot create \(path): \(error.localizedDescription); set TMPDIR to a folder with room")
    }
    return path
  }

  /// The whole text; empty where it cannot be read. Not by Foundation, which takes a short read for the end, and so reads one page of a
  /// longer file in `/proc`.
  static func text(_ path: String) -> String {
    String(decoding: (try? contents(of: path)) ?? [], as: UTF8.self)
  }
}
