/// What can go wrong before a simulation.
enum SimulatorError: Error, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case noAccesses(path: String, format: TraceFormat)
  case badSize(String)
  case usage(String)
  case unwritable(path: String, reason: String)

  /// As for the other commands: 64 usage, 66 no such file, 70 a fault of ours.
  var exitCode: Int32 {
    switch self {
    case .unreadable, .noAccesses: 66
    case .badSize, .usage: 64
    case .unwritable: 70
    }
  }

  var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "cannot read the trace \(path): \(reason); check the path and, if it is packed, that the program for it is installed"
    case .noAccesses(let path, let format):
      "\(path) holds no accesses in the format '\(format.rawValue)'; give the right one with --format"
    case .usage(let text): "\(text); see cache-simulator --help"
    case .unwritable(let path, let reason): "cannot write \(path): \(reason); choose another place"
    case .badSize(let text):
      "'\(text)' is not a cache size; give whole numbers of entries such as 250,500 or shares such as 10%"
    }
  }
}
