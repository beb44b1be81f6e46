/// Text that is no measurement.
public enum MeasurementError: Error, Hashable, Sendable, CustomStringConvertible {
  case notBytes(String)
  case notATimeSpan(String)

  public var description: String {
    switch self {
    case .notBytes(let text): "'\(text)' is not a size in bytes; write it like 64MiB, 1.5G or 4096"
    case .notATimeSpan(let text): "'\(text)' is not a length of time; write it like 250ms, 1.5s or 10min"
    }
  }
}
