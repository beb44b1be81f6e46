// swift-tools-version: 6.2
import PackageDescription

// What needs a trait of the main package: Redis, against servers that the tests start, and swift-metrics. `scripts/test` runs it.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "remote-tiers",
  dependencies: [
    .package(name: "memwhy", path: "../../..", traits: ["Redis", "Metrics"]),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(
      name: "tier-worker",
      dependencies: [
        .product(name: "LocalCache", package: "memwhy"), .product(name: "LocalCacheRedis", package: "memwhy"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "tier-latency",
      dependencies: [
        .product(name: "LocalCache", package: "memwhy"), .product(name: "LocalCacheRedis", package: "memwhy"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "RedisTierTests",
      dependencies: [
        "tier-worker",
        .product(name: "LocalCache", package: "memwhy"), .product(name: "LocalCacheRedis", package: "memwhy"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MetricsTests",
      dependencies: [
        .product(name: "LocalCache", package: "memwhy"), .product(name: "LocalCacheMetrics", package: "memwhy"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
      ],
      swiftSettings: strict),
  ]
)
