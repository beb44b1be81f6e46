import Glibc
import Measurement
import ProcessImage

/// Memory that memwhy itself needs to look at a process, where it is limited (`ulimit -v`).
enum OwnMemory {
  /// Beside what goes with the target's memory: tables and text. Of a service of 25 MiB, `leaks` took 50 MiB of address space.
  private static let least: UInt64 = 20 << 20

  /// Where address space is limited: call first in `main`. Glibc reserves 64 MiB of it, and 128 for a moment, for each thread that allocates, which
  /// then lack for what is needed; all of them take from one arena instead (glibc's manual, "Malloc Tunable Parameters", `M_ARENA_MAX`).
  static func saveAddressSpace() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max,
      // Not in the Glibc module, and not in every C library.
      let symbol = dlsym(nil, "mallopt")
    else { return }
    typealias Option = @convention(c) (Int32, Int32) -> Int32
    let arenaMax: Int32 = -8
    _ = unsafeBitCast(symbol, to: Option.self)(arenaMax, 1)
  }

  /// Running out of memory half-way would end memwhy without an answer, so that is told before the process is touched.
  ///
  /// - Throws: `notPermitted` where the limit leaves too little.
  static func require(for pid: Int32) throws(CLIError) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max,
      let own = try? Procfs.status(of: getpid()), let target = try? Procfs.status(of: pid)
    else { return }
    let used = own.addressSpaceBytes
    let room = UInt64(limit.rlim_cur) > used ? UInt64(limit.rlim_cur) - used : 0
    let needed = least &+ target.residentBytes
    if room < needed {
      throw .notPermitted(
        "memwhy itself may need \(ByteCount(needed)) of memory for process \(pid), and its limit leaves \(ByteCount(room)); raise that (`ulimit -v`)"
      )
    }
  }

  /// Returns what an analysis has freed, so that memwhy is small between two of them.
  static func giveBack() {
    // Not in the Glibc module, and not in every C library.
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    typealias Trim = @convention(c) (Int) -> Int32
    _ = unsafeBitCast(symbol, to: Trim.self)(0)
  }
}
