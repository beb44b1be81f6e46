import Foundation

@testable import ProcessImage
@testable import SwiftMetadata
@testable import Symbols
@testable import Timeline

/// Texts of the kernel, of services, and names out of programs.
enum TextTargets {
  static func kernel(_ bytes: [UInt8]) {
    _ = MapsParser.parse(bytes)
    let mapped = MappedMemory.parse(bytes)
    _ = MappedMemory.joined(running: mapped, copied: mapped)
    let status = ProcessStatus(parsing: bytes)
    _ = (status.processID, status.pageTableBytes, status.userIDs, status.namespacePIDs, status.threadFeatures)
    _ = ProcessStat(parsing: bytes)
    for alignment in [0, 4, 8] as [UInt64] { _ = ELFNote.parse(bytes, alignment: alignment) }
    let mounts = ControlGroupMount.parse(bytes)
    for mount in mounts.prefix(8) {
      var isHidden = false
      for membership in ControlGroupMembership.parse(bytes).prefix(8) {
        _ = mount.folders(for: membership.path, isHidden: &isHidden)
      }
    }
    _ = KeyedNumbers(bytes)["anon"]
    var tally = ConnectionTally(inodes: [4711])
    tally.add(bytes)
  }

  static func http(_ bytes: [UInt8]) {
    if let body = try? HTTPAnswer.body(of: bytes, isWhole: false) { _ = body }
    let body = (try? HTTPAnswer.body(of: bytes, isWhole: true)) ?? bytes
    let text = String(decoding: body, as: UTF8.self)
    _ = PrometheusText.sum(of: "r", labels: ["code": "200"], in: text)
    _ = try? LoadSource.Address(parsing: text)
  }

  static func names(_ bytes: [UInt8]) {
    let text = String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
    let simplifier = NameSimplifier(mainModule: "app")
    _ = simplifier.simplify(text)
    _ = simplifier.variableType(text)
    _ = TypeSugar.applied(to: text)
    _ = Demangler.isSwift(text)
    _ = Demangler.module(of: text)
    _ = Demangler.withoutForwarder(text)
    let demangler = Demangler(mainModule: "app")
    _ = demangler.displayName(text)
    _ = demangler.variableType(text)
  }

  /// A type string of reflection metadata: found one byte behind the mark, as symbolic references are relative.
  static func mangled(_ bytes: [UInt8]) {
    var parser = MangledTypeParser(MangledText(bytes: bytes, address: 0x1000)) { _, _ in nil }
    _ = parser.parse()
  }
}
