import ProcessImage

/// How the command can end, as in `sysexits.h`.
enum ExitStatus {
  static let success: Int32 = 0
  /// A finding at or above `--fail-on`.
  static let finding: Int32 = 1
  static let usage: Int32 = 64
  static let noInput: Int32 = 66
  static let targetGone: Int32 = 69
  static let fault: Int32 = 70
  /// The answer could not be written: to standard output, or to a file.
  static let notWritten: Int32 = 74
  static let notPermitted: Int32 = 77
}

/// What ends a verb early. Each text says what failed and what to do.
enum CLIError: Error, Hashable, Sendable, CustomStringConvertible {
  case usage(String)
  /// No such process or file, or not one that can be looked at.
  case noInput(String)
  case targetGone(String)
  /// Not permitted, or refused to protect the process.
  case notPermitted(String)
  case fault(String)
  /// A file of the answer could not be written.
  case notWritten(String)

  var description: String {
    switch self {
    case .usage(let text), .noInput(let text), .targetGone(let text), .notPermitted(let text), .fault(let text),
      .notWritten(let text):
      text
    }
  }

  var exitStatus: Int32 {
    switch self {
    case .usage: ExitStatus.usage
    case .noInput: ExitStatus.noInput
    case .targetGone: ExitStatus.targetGone
    case .notPermitted: ExitStatus.notPermitted
    case .fault: ExitStatus.fault
    case .notWritten: ExitStatus.notWritten
    }
  }
}

extension CLIError {
  init(_ error: ProcessImageError) {
    let text = "\(error)"
    self =
      switch error {
      case .cannotRead(_, let code) where ownLimit(code) != nil: .fault(text)
      case .noSuchProcess, .foreignProc, .isThread, .kernelThread, .zombie, .unsupportedTarget, .cannotRead, .notACore,
        .truncatedCore,
        .malformed:
        .noInput(text)
      case .processGone: .targetGone(text)
      case .notPermitted: .notPermitted(text)
      }
  }
}

extension CLIError {
  init(_ error: FreezeError) {
    let text = "\(error)"
    self =
      switch error {
      case .target(let error): CLIError(error)
      case .targetGone: .targetGone(text)
      case .systemCall: .fault(text)
      // Refused by the kernel, or by a guard to protect the process: each says what to do.
      default: .notPermitted(text)
      }
  }
}
