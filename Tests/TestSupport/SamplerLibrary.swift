import Foundation

/// The sampler's library, built once per content with the optimiser on: its fast paths rely on it, as in a release.
public enum SamplerLibrary {
  public static func path() throws -> String {
    let folder = TestProgram.packageRoot.appendingPathComponent("Sources/CMemwhySampler")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    let files = names.map { folder.path + "/" + $0 }
    let headers = ["CMemwhySampler.h", "memwhy_table.h"].map { folder.path + "/include/" + $0 }
    var hash: UInt64 = 14_695_981_039_346_656_037
    for file in files + headers {
      for byte in (try? Data(contentsOf: URL(fileURLWithPath: file))) ?? Data() {
        hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211
      }
    }
    let output = TestProgram.packageRoot.appendingPathComponent(".build/test-programs")
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    // The name by which the sampler takes itself out of LD_PRELOAD must stay.
    let place = output.appendingPathComponent("sampler-\(String(hash, radix: 16))")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let library = place.appendingPathComponent("libmemwhysampler.so").path
    if FileManager.default.fileExists(atPath: library) { return library }
    let temporary = library + ".\(getpid()).\(UInt32.random(in: 0 ... .max))"
    try TestProgram.run(
      "clang",
      ["-O2", "-g", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-I", folder.path + "/include"]
        + files.filter { $0.hasSuffix(".c") } + ["-o", temporary])
    guard rename(temporary, library) == 0 else { throw TestFailure("cannot rename \(temporary)") }
    return library
  }
}
