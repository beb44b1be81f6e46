// swift-tools-version: 6.2
import PackageDescription

// LocalCache beside a locked dictionary, an actor and NSCache. `Benchmarks/LocalCache/run` builds and runs it, with Go's caches in the same run.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "local-cache-benchmarks",
  dependencies: [.package(name: "memwhy", path: "../..")],
  targets: [
    .target(name: "BenchmarkSupport", swiftSettings: strict),
    .executableTarget(
      name: "cache-benchmark", dependencies: ["BenchmarkSupport", .product(name: "LocalCache", package: "memwhy")],
      swiftSettings: strict),
    .executableTarget(
      name: "cache-curve", dependencies: ["BenchmarkSupport", .product(name: "LocalCache", package: "memwhy")],
      swiftSettings: strict),
    .executableTarget(
      name: "cache-churn", dependencies: ["BenchmarkSupport", .product(name: "LocalCache", package: "memwhy")],
      swiftSettings: strict),
  ]
)
