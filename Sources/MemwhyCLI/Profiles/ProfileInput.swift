import Glibc
import HeapGraph
import Measurement
import Profile
import SamplerTable

/// One argument of a verb over profiles: a profile's file, a sampler's table, or the id of a process that has one.
struct ProfileInput {
  let reader: ProfileReader
  let debugDirectories: [String]
  let root: String?
  let wantsNames, wantsLines: Bool

  /// The profile, and what the reader should know of it.
  func read(_ name: String) throws(CLIError) -> (profile: Profile, remarks: [String]) {
    guard Self.isTable(name) else {
      do throws(ProfileError) { return (try reader.read(name), []) } catch { throw CLIError(error) }
    }
    let sampled = try SampledTable(name)
    return named(ProfileExport.profile(of: sampled.table), sampled)
  }

  /// The sampled live blocks that a holder keeps: who holds them from an image of the process, where they were allocated from its table.
  func live(
    of name: String, heldBy path: String, _ options: HeldByOptions, progress: Progress
  ) throws(CLIError) -> (profile: Profile, remarks: [String]) {
    guard Self.isTable(name) else {
      throw CLIError.usage(
        "--held-by needs a process under the sampler, by its id, or the file of its table: \(name) is neither; `memwhy run -- COMMAND` starts one"
      )
    }
    // Right before the image: what is freed in between is not in it, and then does not count.
    let sampled = try SampledTable(name)
    let pid = sampled.table.header.pid
    guard sampled.isAlive || options.core != nil else {
      throw CLIError.targetGone(
        "process \(pid) of \(name) has ended, so nobody holds anything; give its core file with --core, or leave out --held-by"
      )
    }
    let target: AnalysisRequest.Target = options.core.map { .core(path: $0, root: root) } ?? .process(pid)
    let request = AnalysisRequest(
      verb: "top", target: target, freeze: options.freeze, debugDirectories: debugDirectories)
    var found: HeldMemory?
    let answer = try HoldersPipeline.answer(request, progress: progress) { holders, _, _, _ in
      found = try holders.held(by: path)
    }
    guard let held = found else { throw CLIError.fault("the holder '\(path)' was not looked for") }
    let blocks = sampled.table.blocks.filter { held.keeps(address: $0.address, size: $0.size) }
    var profile = ProfileExport.profile(of: blocks, in: sampled.table)
    let sampledCount =
      blocks.isEmpty ? "none of them is" : blocks.count == 1 ? "1 of them is" : "\(Count(blocks.count)) of them are"
    let summary =
      "\(held.title) keeps \(ByteCount(held.bytes)) in \(Count(held.blocks).of("block")); \(sampledCount) sampled"
    profile.comments.append("held by " + summary)
    let (result, remarks) = named(profile, sampled)
    return (result, [summary] + remarks + answer.remarks)
  }

  private func named(_ profile: Profile, _ sampled: SampledTable) -> (profile: Profile, remarks: [String]) {
    let remarks = SamplerRemarks.remarks(sampled.table)
    guard wantsNames else { return (profile, remarks) }
    var profile = profile
    let symbolizer = sampled.symbolizer(lines: wantsLines, root: root, debugDirectories: debugDirectories)
    let own = symbolizer.symbolize(&profile)
    return (profile, remarks + own)
  }

  /// Whether it is a process id, and no file of that name, or a file that begins as a table does.
  private static func isTable(_ name: String) -> Bool {
    if let pid = Int32(name), pid > 0, access(name, F_OK) != 0 { return true }
    return TableSource.isTable(path: name)
  }
}
