// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "leaky-service",
  // Hummingbird asks for it on Apple's systems; the example is run on Linux.
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: [])
  ],
  targets: [
    .executableTarget(
      name: "leaky-service", dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
      swiftSettings: strict),
    .executableTarget(name: "load", swiftSettings: strict),
  ]
)
