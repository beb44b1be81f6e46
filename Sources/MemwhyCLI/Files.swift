import Foundation
import ProcessImage

/// Files and folders by name, without exceptions.
enum Files {
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
  static func isProgram(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }
  static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  /// The whole text; empty where it cannot be read. Not by Foundation, which takes a short read for the end, and so reads one page of a
  /// longer file in `/proc`.
  static func text(_ path: String) -> String {
    String(decoding: (try? contents(of: path)) ?? [], as: UTF8.self)
  }
}
