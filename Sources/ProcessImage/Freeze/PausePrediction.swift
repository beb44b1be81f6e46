/// How long the threads will stand still: the kernel copies one page table entry a page. An estimate, printed before the freeze.
enum PausePrediction {
  /// Measured on a virtual machine (Linux 6.18, x86-64): 30-40 ms per GiB of 4 KiB pages, about 1 ms per GiB of huge pages.
  private static let perSmallPage: UInt64 = 140
  private static let perHugePage: UInt64 = 3_000
  private static let perThread: UInt64 = 40_000
  private static let fixed: UInt64 = 2_000_000
  /// Below this the difference between page sizes does not matter.
  private static let worthALook: UInt64 = 128 << 20

  static func nanoseconds(target: Procfs.Target) -> UInt64 {
    let anonymous = kilobytes("RssAnon", target.status) &+ kilobytes("VmSwap", target.status)
    var small = anonymous / PresentPages.pageSize
    var huge: UInt64 = 0
    if anonymous > worthALook, let mappings = try? Procfs.mappings(of: target.memoryThread),
      let pages = try? PresentPages(pid: target.memoryThread, mappings: mappings, wanted: \.isWritablePrivate),
      pages.hugePageBytes > 0
    {
      small = pages.smallPageBytes / PresentPages.pageSize
      huge = pages.hugePageBytes >> 21
    }
    return fixed &+ small &* perSmallPage &+ huge &* perHugePage
      &+ UInt64(clamping: target.status.threadCount) &* perThread
  }

  private static func kilobytes(_ key: String, _ status: ProcessStatus) -> UInt64 {
    (status.fields[key]?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0) &* 1024
  }
}
