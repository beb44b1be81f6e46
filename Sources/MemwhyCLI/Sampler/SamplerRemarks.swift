import SamplerTable

/// What the user should know of how a table came about.
enum SamplerRemarks {
  static func remarks(_ table: SamplerTable) -> [String] {
    let header = table.header
    var result: [String] = []
    if header.flags.contains(.noFramePointers) {
      result.append(
        "\(header.program) was built without frame pointers: stacks cost more, and async callers are missing; build with `swift build`, or add -Xcc -fno-omit-frame-pointer"
      )
    }
    if header.flags.contains(.noUnwinder) {
      result.append("there is no unwinder in the process either, so stacks are cut; link libgcc_s")
    }
    if header.flags.contains(.asyncUnknown) {
      result.append(
        "the Swift runtime was stripped, so async callers are missing; use libswift_Concurrency.so as it comes")
    }
    if header.flags.contains(.ownNew) {
      result.append(
        "the program's allocator serves C++'s operator new itself: only what is allocated with malloc and its relatives, as all of Swift is, is sampled"
      )
    }
    if header.thinnings > 0 {
      result.append(
        "more sampled blocks lived than the table holds, so the interval was raised to \(header.interval) bytes; a larger --table-size keeps more"
      )
    }
    if header.lostBlocks > 0 {
      result.append("\(header.lostBlocks) sampled blocks found no room: what is in use is too low by them")
    }
    if header.lostSites > 0 {
      result.append(
        "\(header.lostSites) samples are counted without their stack: the table was full; give it more with --table-size"
      )
    }
    if header.lostTaskNames > 0 {
      result.append(
        "\(header.lostTaskNames) samples of named tasks have no task: there are more names than the table keeps; name tasks by what they do"
      )
    }
    if !table.damage.isEmpty {
      let count = table.damage.unfinishedSites + table.damage.unfinishedBlocks
      let bad = table.damage.badSites + table.damage.badBlocks + table.damage.badModules
      if count > 0 { result.append("\(count) records were being written: each may miss one sample") }
      if bad > 0 { result.append("\(bad) records contradict themselves and were left out: the file is damaged") }
    }
    return result
  }
}
