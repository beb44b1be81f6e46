import Foundation
import Glibc
import Reports

/// memwhy on the service, as a user runs it: another process of the same program.
struct DemoDiagnosis {
  private let child: ChildProcesses.Child
  private let output: String
  /// As a user would type it.
  let commandLine: String

  static func start(_ children: ChildProcesses, _ arguments: [String]) throws(CLIError) -> DemoDiagnosis {
    let output = children.folder + "/memwhy-\(arguments[0]).json"
    let child = try children.start("/proc/self/exe", arguments + ["--json"], output: output)
    return DemoDiagnosis(
      child: child, output: output, commandLine: (["memwhy"] + arguments).joined(separator: " "))
  }

  /// What it wrote; nil while it runs.
  func answer(_ children: ChildProcesses) throws(CLIError) -> Data? {
    guard let status = children.status(child) else { return nil }
    guard status == ExitStatus.success else {
      let reason = Files.text(output + ".errors").split(separator: "\n").last.map(String.init) ?? ""
      let text = "\(commandLine) ended with \(status): \(reason)"
      throw status == ExitStatus.notPermitted ? .notPermitted(text) : .fault(text)
    }
    return Data(Files.text(output).utf8)
  }

  /// Runs to the end.
  static func run<Answer: Decodable>(
    _ type: Answer.Type, _ children: ChildProcesses, _ arguments: [String]
  ) throws(CLIError) -> Answer {
    let diagnosis = try start(children, arguments)
    while true {
      if let data = try diagnosis.answer(children) { return try decode(type, data, diagnosis.commandLine) }
      usleep(20_000)
    }
  }

  static func decode<Answer: Decodable>(
    _ type: Answer.Type, _ data: Data, _ commandLine: String
  ) throws(CLIError) -> Answer {
    do { return try JSONDecoder().decode(type, from: data) } catch {
      throw .fault("\(commandLine) wrote what cannot be read: \(error)")
    }
  }
}
