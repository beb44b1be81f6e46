import Foundation

let arguments = CommandLine.arguments
guard arguments.count >= 4 else {
  print("usage: measure MEMWHY HEAPS LEAKZOO-SOURCES [scale] [incident] [peers] [profiles]")
  exit(64)
}
let wanted = arguments.count > 4 ? Set(arguments[4...]) : ["scale", "incident", "peers", "profiles"]
let measurements = HeapMeasurements(memwhy: arguments[1], heaps: arguments[2])
do {
  if wanted.contains("scale") { try measurements.scale() }
  if wanted.contains("incident") { try measurements.incident() }
  if wanted.contains("peers") { try PeerMeasurements(memwhy: arguments[1], zoo: arguments[3]).run() }
  if wanted.contains("profiles") { try ProfileMeasurements(memwhy: arguments[1]).run() }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
