// swift-tools-version: 6.2
import PackageDescription

/// Imports point one way, in this order; see docs/architecture.md.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "memwhy",
  products: [
    .executable(name: "memwhy", targets: ["MemwhyCLI"]),
    .library(name: "memwhysampler", type: .dynamic, targets: ["CMemwhySampler"]),
    .library(name: "LocalCache", targets: ["LocalCache"]),
    .library(name: "MemwhyService", targets: ["MemwhyService"]),
    .library(name: "LocalCacheRedis", targets: ["LocalCacheRedis"]),
    .library(name: "LocalCacheMetrics", targets: ["LocalCacheMetrics"]),
    .executable(name: "cache-simulator", targets: ["CacheSimulator"]),
  ],
  traits: [
    .trait(name: "Redis", description: "LocalCacheRedis: Redis or Valkey as remote tier; needs hiredis"),
    .trait(name: "Metrics", description: "LocalCacheMetrics: a cache's numbers through swift-metrics"),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
  ],
  targets: [
    .target(name: "CLinux"),
    .target(name: "CMemwhySampler"),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "Measurement", swiftSettings: strict),
    .target(name: "ProcessImage", dependencies: ["CLinux", "Measurement"], swiftSettings: strict),
    .target(name: "Symbols", dependencies: ["ProcessImage"], swiftSettings: strict),
    .target(name: "SwiftMetadata", dependencies: ["ProcessImage", "Symbols"], swiftSettings: strict),
    .target(name: "Malloc", dependencies: ["CLinux", "ProcessImage", "Symbols"], swiftSettings: strict),
    .target(name: "HeapGraph", dependencies: ["CLinux", "Malloc", "SwiftMetadata"], swiftSettings: strict),
    .target(
      name: "Profile", dependencies: ["Measurement", "Symbols", "CZlib"],
      resources: [.embedInCode("Flame/flame.js"), .embedInCode("Flame/flame.css")], swiftSettings: strict),
    .target(
      name: "SamplerTable", dependencies: ["CLinux", "Measurement", "ProcessImage", "Profile"], swiftSettings: strict),
    .target(
      name: "Timeline",
      dependencies: ["ProcessImage", "Measurement", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: strict),
    .target(name: "Diagnosis", dependencies: ["HeapGraph", "Timeline", "Measurement"], swiftSettings: strict),
    .target(
      name: "Reports", dependencies: ["HeapGraph", "Profile", "Diagnosis", "Timeline", "Measurement"],
      // In the program itself, so that it stays one file that runs anywhere.
      resources: ["page.css", "theme.js", "scales.js", "timeline.js", "icicle.js", "report.js"].map {
        .embedInCode("HTML/Assets/\($0)")
      },
      swiftSettings: strict),
    .target(
      name: "WebUI",
      dependencies: [
        "Reports", "Diagnosis", "Timeline", "ProcessImage", "Measurement",
        .product(name: "FlyingFox", package: "FlyingFox"),
      ],
      resources: ["index.html", "app.css", "app.js"].map { .embedInCode("Assets/\($0)") },
      swiftSettings: strict),
    .target(name: "Wire", dependencies: ["CLinux"], swiftSettings: strict),
    .target(name: "CLocalCache"),
    .target(name: "LocalCache", dependencies: ["CLocalCache"], swiftSettings: strict),
    .target(
      name: "MemwhyService",
      dependencies: ["CMemwhySampler", "SamplerTable", "Profile", "ProcessImage", "Measurement"],
      swiftSettings: strict),
    // No pkg-config: it would be asked, and warn, where nobody wants Redis.
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    .target(
      name: "LocalCacheRedis",
      dependencies: ["LocalCache", .target(name: "CHiredis", condition: .when(traits: ["Redis"]))],
      swiftSettings: strict),
    .target(
      name: "LocalCacheMetrics",
      dependencies: [
        "LocalCache",
        .product(name: "CoreMetrics", package: "swift-metrics", condition: .when(traits: ["Metrics"])),
      ],
      swiftSettings: strict),
    .executableTarget(name: "CacheSimulator", dependencies: ["LocalCache"], swiftSettings: strict),
    .executableTarget(
      name: "MemwhyCLI",
      dependencies: [
        "Measurement", "ProcessImage", "Symbols", "Malloc", "SwiftMetadata", "HeapGraph", "Profile", "SamplerTable",
        "Timeline", "Diagnosis", "Reports", "WebUI", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .target(name: "TestSupport", dependencies: ["ProcessImage"], path: "Tests/TestSupport", swiftSettings: strict),
    .executableTarget(
      name: "freeze-victim", dependencies: ["ProcessImage"], path: "Tests/FreezeVictim", swiftSettings: strict),
    .executableTarget(
      name: "cache-holder", dependencies: ["LocalCache"], path: "Tests/CacheHolder", swiftSettings: strict),
    .testTarget(name: "MeasurementTests", dependencies: ["Measurement"], swiftSettings: strict),
    .testTarget(
      name: "ProcessImageTests", dependencies: ["ProcessImage", "TestSupport", "freeze-victim"], swiftSettings: strict),
    .testTarget(name: "SymbolsTests", dependencies: ["Symbols", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "SwiftMetadataTests", dependencies: ["SwiftMetadata", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "MallocTests", dependencies: ["Malloc", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "HeapGraphTests", dependencies: ["HeapGraph", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "ProfileTests", dependencies: ["Profile", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "SamplerTableTests", dependencies: ["SamplerTable", "Profile", "TestSupport"],
      swiftSettings: strict),
    .executableTarget(
      name: "sampled-service", dependencies: ["MemwhyService"], path: "Tests/SampledService", swiftSettings: strict),
    .testTarget(
      name: "MemwhyServiceTests", dependencies: ["SamplerTable", "Profile", "TestSupport", "sampled-service"],
      swiftSettings: strict),
    .testTarget(
      name: "TimelineTests", dependencies: ["Timeline", "ProcessImage", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "DiagnosisTests", dependencies: ["Diagnosis", "Symbols", "TestSupport"], swiftSettings: strict),
    .executableTarget(
      name: "cache-sizes", dependencies: ["LocalCache"], path: "Tests/CacheSizes", swiftSettings: strict),
    .testTarget(
      name: "LocalCacheTests", dependencies: ["LocalCache", "TestSupport", "cache-sizes"], swiftSettings: strict),
    .testTarget(
      name: "CacheSimulatorTests", dependencies: ["CacheSimulator", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "ReportsTests", dependencies: ["Reports", "Profile", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "WebUITests",
      dependencies: ["WebUI", "TestSupport", .product(name: "FlyingFox", package: "FlyingFox")], swiftSettings: strict),
    .testTarget(name: "WireTests", dependencies: ["Wire", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "MemwhyCLITests", dependencies: ["MemwhyCLI", "HeapGraph", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests", dependencies: ["MemwhyCLI", "HeapGraph", "TestSupport", "cache-holder"],
      swiftSettings: strict),
  ]
)

// The fuzzer needs code that counts its branches: scripts/fuzz sets the variable.
if Context.environment["MEMWHY_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "ProcessImage", "Symbols", "SwiftMetadata", "Malloc", "HeapGraph", "Profile", "SamplerTable", "Timeline",
        "Reports",
        "Wire", "LocalCache",
      ], path: "Tests/Fuzz", swiftSettings: strict))
}
