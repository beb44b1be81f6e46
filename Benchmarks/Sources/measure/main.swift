import Foundation

let arguments = CommandLine.arguments
guard arguments.count >= 4 else {
  print(
    "usage: measure MEMWHY HEAPS LEAKZOO-SOURCES [scale] [holders] [whole] [incident] [charge] [peers] [variants] [profiles]"
  )
  exit(64)
}
let wanted =
  arguments.count > 4
  ? Set(arguments[4...]) : ["scale", "holders", "whole", "incident", "charge", "peers", "variants", "profiles"]
let measurements = HeapMeasurements(memwhy: arguments[1], heaps: arguments[2])
do {
  if wanted.contains("scale") { try measurements.scale() }
  if wanted.contains("holders") { try measurements.holders() }
  if wanted.contains("whole") { try measurements.whole() }
  if wanted.contains("incident") { try measurements.incident() }
  if wanted.contains("charge") { try ChargeMeasurements(memwhy: arguments[1], heaps: arguments[2]).run() }
  if wanted.contains("variants") {
    let environment = ProcessInfo.processInfo.environment
    guard let service = environment["MEMWHY_ACTIVITY_SERVICE"] else {
      throw Failure("set MEMWHY_ACTIVITY_SERVICE to the built activity-service, or use Benchmarks/run")
    }
    try VariantMeasurements(memwhy: arguments[1], service: service, goCache: environment["MEMWHY_GO_CACHE"]).run()
  }
  if wanted.contains("peers") { try PeerMeasurements(memwhy: arguments[1], zoo: arguments[3]).run() }
  if wanted.contains("profiles") { try ProfileMeasurements(memwhy: arguments[1]).run() }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
