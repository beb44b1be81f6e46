import Foundation

/// Where the example service is: the demo builds it from memwhy's own sources.
struct Checkout {
  let root: String
  var service: String { root + "/Examples/ActivityService" }
  var programs: String { service + "/.build/release" }

  /// - Parameter given: from the command line; otherwise the working folder and the program's folder are searched upwards.
  static func find(_ given: String?) throws(CLIError) -> Checkout {
    var starts = [FileManager.default.currentDirectoryPath]
    if let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      starts.append((program as NSString).deletingLastPathComponent)
    }
    for start in given.map({ [$0] }) ?? starts {
      var folder = start
      while true {
        let candidate = Checkout(root: folder)
        if Files.exists(candidate.service + "/Package.swift") { return candidate }
        let parent = (folder as NSString).deletingLastPathComponent
        if given != nil || parent == folder || parent.isEmpty { break }
        folder = parent
      }
    }
    throw .noInput(
      "Examples/ActivityService is not below \(given ?? starts[0]); run the demo in a clone of memwhy, or give --source DIR"
    )
  }
}
