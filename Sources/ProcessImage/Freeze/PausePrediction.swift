import Glibc

/// How long the threads will stand still: the kernel copies one page table entry a page and one record a mapping. An estimate, printed
/// before the freeze.
enum PausePrediction {
  /// Measured on a virtual machine (Linux 6.18, x86-64): 30-40 ms per GiB of 4 KiB pages, about 1 ms per GiB of huge pages.
  private static let perSmallPage: UInt64 = 140
  private static let perHugePage: UInt64 = 3_000
  private static let perThread: UInt64 = 40_000
  /// A fork copies a mapping in 0.4 µs where nothing was written to it, in 1.3 µs where something was. A stop lists them and asks for
  /// the pages of each.
  private static let perCopiedMapping: UInt64 = 850
  private static let perListedMapping: UInt64 = 1_000
  private static let fixed: UInt64 = 2_000_000
  /// process_vm_readv copies about 5 GiB/s, /proc/PID/mem about 1.5 GiB/s.
  private static let perCopiedKilobyte: UInt64 = 190
  private static let perReadKilobyte: UInt64 = 680
  /// A read of 4 KiB from a solid state disk.
  private static let perSwappedPage: UInt64 = 100_000
  /// Below this the difference between page sizes does not matter.
  private static let worthALook: UInt64 = 128 << 20

  /// Of a copy-on-write copy of a process with these mappings.
  static func nanoseconds(target: Procfs.Target, mappings: [Mapping]) -> UInt64 {
    let anonymous = target.status.bytes("RssAnon") &+ target.status.bytes("VmSwap")
    var small = anonymous / PresentPages.pageSize
    var huge: UInt64 = 0
    if anonymous > worthALook,
      let pages = try? PresentPages(pid: target.memoryThread, mappings: mappings, wanted: \.isWritablePrivate),
      pages.hugePageBytes > 0
    {
      small = pages.smallPageBytes / PresentPages.pageSize
      huge = pages.hugePageBytes >> 21
    }
    return stop(of: target) &+ UInt64(mappings.count) &* perCopiedMapping &+ small &* perSmallPage
      &+ huge &* perHugePage
  }

  /// Of a stop during which `bytes` are copied into the tool, through `/proc/PID/mem` where pages may be shared. What is in swap has to be read
  /// back for that.
  static func nanoseconds(
    target: Procfs.Target, mappingCount: Int, copying bytes: UInt64, sharesPages: Bool
  ) -> UInt64 {
    let swapped = target.status.bytes("VmSwap") / PresentPages.pageSize &* perSwappedPage
    let copying = bytes / 1000 &* (sharesPages ? perReadKilobyte : perCopiedKilobyte)
    // It is memwhy that works here, with no more of a processor than its own control group allows it.
    let work = Double(UInt64(mappingCount) &* perListedMapping &+ copying) / max(ProcessorShare.all(of: getpid()), 0.01)
    return stop(of: target) &+ swapped &+ UInt64(clamping: Int64(min(work, 1e18)))
  }

  /// Of a stop during which all of the process's own memory is copied. Looks through `/proc` for processes that share pages.
  static func mostOfStop(target: Procfs.Target, mappingCount: Int) -> UInt64 {
    nanoseconds(
      target: target, mappingCount: mappingCount,
      copying: target.status.bytes("RssAnon") &+ target.status.bytes("VmSwap"),
      sharesPages: StopAttempt.mayShareItsPages(target))
  }

  private static func stop(of target: Procfs.Target) -> UInt64 {
    fixed &+ UInt64(clamping: target.status.threadCount) &* perThread
  }
}
