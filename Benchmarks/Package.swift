// swift-tools-version: 6.1
import PackageDescription

// Programs with large heaps, and the one that measures memwhy on them. `Benchmarks/run` builds and runs all of it.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"])]

let package = Package(
  name: "memwhy-benchmarks",
  targets: [
    .target(name: "CForkTime"),
    .executableTarget(name: "heaps", dependencies: ["CForkTime"], swiftSettings: strict),
    .executableTarget(name: "measure", swiftSettings: strict),
  ]
)
