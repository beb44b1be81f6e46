// swift-tools-version: 6.2
import PackageDescription

// Programs with large heaps, and the one that measures memwhy on them. `Benchmarks/run` builds and runs all of it.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "memwhy-benchmarks",
  targets: [
    .target(name: "CForkTime"),
    .executableTarget(name: "heaps", dependencies: ["CForkTime"], swiftSettings: strict),
    .executableTarget(name: "measure", swiftSettings: strict),
  ]
)
