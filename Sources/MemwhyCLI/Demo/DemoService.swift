import Glibc
import Measurement
import ProcessImage
import Timeline

/// The example service while it runs.
struct DemoService {
  let child: ChildProcesses.Child
  let port: UInt16
  var pid: Int32 { child.pid }

  /// Starts it and waits until it listens.
  static func start(
    _ children: ChildProcesses, _ checkout: Checkout, database: String, variant: String, fault: String? = nil
  ) throws(CLIError) -> DemoService {
    let log = children.folder + "/service-\(variant).log"
    let arguments =
      ["serve", "--database", database, "--variant", variant, "--refresh", "10", "--until-input-ends"]
      + (fault.map { ["--fault", $0] } ?? [])
    let child = try children.start(checkout.programs + "/activity-service", arguments, output: log)
    for _ in 0..<600 {
      if let line = Files.text(log).split(separator: "\n").first(where: { $0.hasPrefix("listening on ") }),
        let port = line.split(separator: ":").last.flatMap({ UInt16($0) })
      {
        return DemoService(child: child, port: port)
      }
      if children.status(child) != nil { break }
      usleep(50_000)
    }
    children.stop(child)
    throw .fault("the service did not start: \(Files.text(log) + Files.text(log + ".errors"))")
  }

  var residentBytes: UInt64 { (try? Procfs.status(of: pid).residentBytes) ?? 0 }

  /// Seconds of processor time that it has had.
  var processorSeconds: Double {
    guard let stat = try? Procfs.stat(of: pid) else { return 0 }
    return Double(stat.processorTicks) / Clocks.ticksPerSecond
  }

  /// Waits until its cache stays as it is: what its consumer had still to do when the last request was answered is done.
  func settle() {
    var last = ledger()["entries"]
    for _ in 0..<40 {
      usleep(250_000)
      let now = ledger()["entries"]
      if now != nil, now == last { return }
      last = now
    }
  }

  /// What it counts itself: `entries=… hits=… misses=… fault=…`; empty where it does not answer.
  func ledger() -> [String: Int] {
    guard let text = try? HTTPGet.body(host: "127.0.0.1", port: port, path: "/ledger") else { return [:] }
    var result: [String: Int] = [:]
    for word in text.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=")
      if parts.count == 2, let number = Int(parts[1]) { result[String(parts[0])] = number }
    }
    return result
  }
}
