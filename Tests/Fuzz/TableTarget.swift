@testable import SamplerTable

/// Tables of the sampler: files that the process they are about can write.
enum TableTarget {
  static func table(_ bytes: [UInt8]) {
    guard let reader = try? TableReader(TableSource(bytes: FuzzBase.table.patched(by: bytes))),
      let table = try? reader.read()
    else { return }
    _ = ProfileExport.profile(of: table)
    _ = ProfileExport.stacks(of: table.sites, table)
  }
}
