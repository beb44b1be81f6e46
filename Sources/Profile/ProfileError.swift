import Measurement

/// Why a profile cannot be read, combined or shown.
public enum ProfileError: Error, Hashable, Sendable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  /// It is none of the formats that are known.
  case unknownFormat(path: String)
  /// It ends in the middle, or contradicts itself.
  case malformed(path: String, what: String)
  /// Larger than allowed, unpacked: a file can be made to unpack to any size.
  case tooLarge(path: String, limit: Int)
  /// What is needed to unpack it is not there.
  case missingTool(path: String, tool: String)
  case badPattern(option: String, pattern: String, what: String)
  case noSampleType(name: String, known: [String])
  case incompatible(what: String)
  case noMatch(pattern: String)
  case badOption(what: String)
  case cannotCompress(reason: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason); give the path of a profile"
    case .unknownFormat(let path):
      "\(path) is no profile that memwhy knows: it reads pprof (.pb, .pb.gz), and heap profiles of gperftools, jemalloc and heaptrack"
    case .malformed(let path, let what):
      "\(path) is damaged: \(what); take it again, or copy it again in binary mode"
    case .tooLarge(let path, let limit):
      "\(path) unpacks to more than \(ByteCount(limit)); if you trust it, allow more with --max-size"
    case .missingTool(let path, let tool):
      "\(path) is compressed with \(tool), which is not installed; install it, or unpack the file elsewhere"
    case .badPattern(let option, let pattern, let what):
      "\(option) '\(pattern)' is no regular expression: \(what); put \\ before what is meant as it stands"
    case .noSampleType(let name, let known):
      "the profile has no sample type '\(name)'; it has \(known.joined(separator: ", "))"
    case .incompatible(let what): "these profiles cannot be combined: \(what); give profiles of one kind"
    case .noMatch(let pattern): "nothing matches '\(pattern)'; `memwhy top` shows the names"
    case .badOption(let what): what
    case .cannotCompress(let reason): "cannot compress the profile: \(reason); a file named .pb is not compressed"
    }
  }
}
