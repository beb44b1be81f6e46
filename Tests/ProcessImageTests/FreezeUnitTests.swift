import CLinux
import Glibc
import Testing

@testable import ProcessImage

/// The parts of the freeze that need no target.
struct FreezeUnitTests {
  // MARK: - Attempts

  /// A clone that takes long on a busy machine is tried once more, and not eight times: the target stands still each time.
  @Test func slowCopyIsTriedTwice() {
    var options = FreezeOptions()
    options.retryDelay = 1_000_000
    var attempts = 0
    let slow = FreezeError.copyFailed(pid: 1, reason: "slow")
    #expect(throws: slow) {
      try AttemptOutcome<Int>.repeated(pid: 1, options: options) {
        attempts += 1
        return { .retryOnce(slow) }
      }
    }
    #expect(attempts == 2)
  }

  // MARK: - System calls

  private func registers(call: Int64, result: Int64) -> clinux_registers {
    var registers = clinux_registers()
    registers.orig_rax = UInt64(bitPattern: call)
    registers.rax = UInt64(bitPattern: result)
    registers.rip = 0x1000
    return registers
  }

  @Test func onlyCallsThatEndPlainlyAreRepaired() throws {
    let epoll = try #require(InterruptedCall.repaired(registers(call: 232, result: -4)))
    #expect(Int64(bitPattern: epoll.rax) == -514)
    #expect(epoll.rip == 0x1000)
    // close(2) and connect(2) must not be repeated, other results are results, and user code has no call.
    #expect(InterruptedCall.repaired(registers(call: 3, result: -4)) == nil)
    #expect(InterruptedCall.repaired(registers(call: 42, result: -4)) == nil)
    #expect(InterruptedCall.repaired(registers(call: 232, result: 1)) == nil)
    #expect(InterruptedCall.repaired(registers(call: -1, result: -4)) == nil)
  }

  @Test(arguments: [-512, -513, -514, -516] as [Int64]) func restartIsDoneByHand(code: Int64) {
    let resumed = InterruptedCall.resumed(registers(call: 35, result: code)) { nil }
    #expect(resumed.rax == 35 && resumed.rip == 0xffe)
  }

  @Test func restartedSleepTakesItsNumberFromTheCode() {
    let sleeper = registers(call: 219, result: -516)
    #expect(InterruptedCall.resumed(sleeper) { [0xb8, 0x23, 0, 0, 0] }.rax == 35)
    // Anything else before the instruction: restart_syscall it stays.
    #expect(InterruptedCall.resumed(sleeper) { [0x90, 0x23, 0, 0, 0] }.rax == 219)
    #expect(InterruptedCall.resumed(sleeper) { nil }.rax == 219)
  }

  @Test func finishedCallsAndUserCodeStayAsTheyAre() {
    #expect(InterruptedCall.resumed(registers(call: 0, result: 17)) { nil }.rip == 0x1000)
    #expect(InterruptedCall.resumed(registers(call: -1, result: -512)) { nil }.rip == 0x1000)
  }

  // MARK: - Frames

  @Test func framesLieBelowTheRedZoneChildAboveParent() throws {
    var thread = clinux_registers()
    thread.rsp = 0x7fff_0000_1238
    thread.rip = 0x40_1234
    thread.rbx = 0xbbbb
    thread.cs = 0x33
    thread.ss = 0x2b
    var area = [UInt8](repeating: 0xaa, count: 832)
    // x87, SSE and AVX in use.
    area.replaceSubrange(512..<520, with: [7, 0, 0, 0, 0, 0, 0, 0])
    let gadgets = Gadgets(systemCall: 0x1111, signalReturn: 0x2222)
    let image = try #require(
      InjectionImage(resumed: thread, signalMask: 0x77, vectorState: area, gadgets: gadgets))
    #expect(image.base + UInt64(image.bytes.count) == thread.rsp - 128)
    #expect(image.base % 16 == 0 && image.childStack % 16 == 0)
    #expect(image.childStack >= image.base + 440)
    func word(_ address: UInt64) -> UInt64 {
      image.bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Int(address - image.base), as: UInt64.self) }
    }
    // Offsets of struct sigcontext in struct ucontext behind the return address.
    let context = image.base + 8
    #expect(word(image.base) == 0x2222)
    #expect(word(context) == 7)
    #expect(word(context + 40 + 11 * 8) == 0xbbbb)
    #expect(word(context + 40 + 15 * 8) == thread.rsp)
    #expect(word(context + 40 + 16 * 8) == thread.rip)
    #expect(word(context + 296) == 0x77)
    let vectors = word(context + 224)
    #expect(vectors % 64 == 0 && vectors >= image.childStack + 440)
    #expect(word(vectors + 464) & 0xffff_ffff == 0x4650_5853)
    let child = image.childStack + 8
    #expect(word(image.childStack) == 0x2222)
    #expect(word(child + 40 + 13 * 8) == 231)
    #expect(word(child + 40 + 16 * 8) == 0x1111)
    #expect(word(child + 296) == .max)
  }

  @Test func noFrameWithoutVectorStateOrStack() {
    var thread = clinux_registers()
    let gadgets = Gadgets(systemCall: 1, signalReturn: 2)
    let area = [UInt8](repeating: 0, count: 832)
    thread.rsp = 0x7fff_0000_0000
    #expect(InjectionImage(resumed: thread, signalMask: 0, vectorState: [], gadgets: gadgets) == nil)
    for pointer in [0, 100, 1000] as [UInt64] {
      thread.rsp = pointer
      #expect(InjectionImage(resumed: thread, signalMask: 0, vectorState: area, gadgets: gadgets) == nil)
    }
  }

  // MARK: - Choice of the thread

  private func thread(stack: UInt64, control: UInt64, result: Int64 = -512, call: Int64 = 0) -> Tracee {
    var thread = Tracee(tid: 1)
    thread.state = .stopped
    thread.status = Int32(clinux_event_stop) << 8 | SIGTRAP
    thread.registers = registers(call: call, result: result)
    thread.registers.cs = 0x33
    thread.registers.rsp = stack
    thread.registers.fs_base = control
    thread.vectorState = [UInt8](repeating: 0, count: 832)
    return thread
  }

  @Test func onlyRealThreadStacksAreUsed() {
    let stack = Mapping(start: 0x10_0000, end: 0x20_0000, permissions: [.read, .write])
    let fibre = Mapping(start: 0x30_0000, end: 0x40_0000, permissions: [.read, .write])
    let shared = Mapping(start: 0x50_0000, end: 0x60_0000, permissions: [.read, .write, .shared])
    let mappings = [stack, fibre, shared]
    #expect(InjectionChoice.rank(thread(stack: 0x1f_0000, control: 0x1f_f700), mappings: mappings) == 1)
    #expect(InjectionChoice.rank(thread(stack: 0x1f_0000, control: 0x1f_f700, result: -514), mappings: mappings) == 2)
    #expect(InjectionChoice.rank(thread(stack: 0x1f_0000, control: 0x1f_f700, result: -516), mappings: mappings) == 3)
    #expect(InjectionChoice.rank(thread(stack: 0x1f_0000, control: 0x1f_f700, call: -1), mappings: mappings) == 0)
    // On another mapping than its control block, at the end of the stack, on shared memory, nowhere.
    #expect(InjectionChoice.rank(thread(stack: 0x3f_0000, control: 0x1f_f700), mappings: mappings) == nil)
    #expect(InjectionChoice.rank(thread(stack: 0x10_2000, control: 0x1f_f700), mappings: mappings) == nil)
    #expect(InjectionChoice.rank(thread(stack: 0x5f_0000, control: 0x5f_f700), mappings: mappings) == nil)
    #expect(InjectionChoice.rank(thread(stack: 0x70_0000, control: 0x70_f700), mappings: mappings) == nil)
    var other = thread(stack: 0x1f_0000, control: 0x1f_f700)
    other.registers.cs = 0x23
    #expect(InjectionChoice.rank(other, mappings: mappings) == nil)
    other = thread(stack: 0x1f_0000, control: 0x1f_f700)
    // About to receive SIGUSR1, and stopped by SIGSTOP.
    for status in [SIGUSR1, Int32(clinux_event_stop) << 8 | SIGSTOP] {
      other.status = status
      #expect(InjectionChoice.rank(other, mappings: mappings) == nil)
    }
  }

  // MARK: - System calls

  @inline(never) private func dirtyStack(_ depth: Int) -> Int {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 0xff)
      return depth == 0 ? Int(buffer[7]) : dirtyStack(depth - 1) + Int(buffer[5])
    }
  }

  /// Whatever the stack held before.
  @Test func memoryOfAnotherProcessIsWrittenAndRead() {
    for round in 0..<50 {
      #expect(dirtyStack(round % 8) > 0)
      var source = UInt64(round) | 0x5500
      var target: UInt64 = 0
      let address = withUnsafeMutablePointer(to: &target) { UInt64(UInt(bitPattern: $0)) }
      #expect(clinux_vm_write(getpid(), address, &source, 8) == 8)
      #expect(dirtyStack(round % 8) > 0)
      var copy: UInt64 = 0
      #expect(clinux_vm_read(getpid(), address, &copy, 8) == 8)
      #expect(copy == source && target == source)
    }
  }

  // MARK: - Seccomp filters

  private func filter(_ rows: [(UInt16, UInt8, UInt8, UInt32)]) -> SeccompFilter {
    SeccompFilter(
      instructions: rows.map { clinux_filter_instruction(code: $0.0, jump_true: $0.1, jump_false: $0.2, k: $0.3) })
  }

  @Test func filtersAreEvaluated() {
    // if (nr == 56 && args[0] & 0x10000 == 0) return KILL; return ALLOW
    let program = filter([
      (0x20, 0, 0, 0), (0x15, 0, 3, 56), (0x20, 0, 0, 16), (0x45, 1, 0, 0x10000), (0x06, 0, 0, 0x8000_0000),
      (0x06, 0, 0, 0x7fff_0000),
    ])
    #expect(program.action(for: .init(number: 56, arguments: [0x400])) == 0x8000_0000)
    #expect(program.action(for: .init(number: 56, arguments: [0x10400])) == 0x7fff_0000)
    #expect(program.action(for: .init(number: 57)) == 0x7fff_0000)
    // Arithmetic, scratch memory and registers: return ((nr + 1) << 4) ^ 3
    let sum = filter([
      (0x20, 0, 0, 0), (0x04, 0, 0, 1), (0x64, 0, 0, 4), (0x02, 0, 0, 5), (0x01, 0, 0, 3), (0x60, 0, 0, 5),
      (0xac, 0, 0, 0), (0x16, 0, 0, 0),
    ])
    #expect(sum.action(for: .init(number: 2)) == 0x33)
  }

  @Test func brokenFiltersHaveNoVerdict() {
    #expect(filter([]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0x20, 0, 0, 64)]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0x20, 0, 0, 2)]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0x05, 0, 0, .max)]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0x34, 0, 0, 0)]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0x60, 0, 0, 16)]).action(for: .init(number: 0)) == nil)
    #expect(filter([(0xff, 0, 0, 0)]).action(for: .init(number: 0)) == nil)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let rows = (0..<8).map { _ in
        clinux_filter_instruction(
          code: .random(in: 0...0xff, using: &generator), jump_true: .random(in: 0...9, using: &generator),
          jump_false: .random(in: 0...9, using: &generator), k: .random(in: 0...70, using: &generator))
      }
      _ = SeccompFilter(instructions: rows).action(for: .init(number: 56))
    }
  }

  /// What is in swap has to be read back before it can be copied: the guardian would end memwhy where that was not expected.
  @Test func aStopReadsSwapBack() throws {
    var target = try Procfs.target(getpid())
    func prediction(_ swap: String) -> UInt64 {
      target.status = ProcessStatus(parsing: Array("Threads:\t1\nVmSwap:\t\(swap) kB\n".utf8))
      return PausePrediction.nanoseconds(target: target, mappingCount: 0, copying: 1 << 20, sharesPages: false)
    }
    #expect(prediction("40960") - prediction("0") == 10_240 * 100_000)
  }

  /// Tens of thousands of mappings take a fork longer than a gigabyte does.
  @Test func eachMappingTakesItsTime() throws {
    var target = try Procfs.target(getpid())
    target.status = ProcessStatus(parsing: Array("Threads:\t1\nRssAnon:\t4 kB\n".utf8))
    let mappings = (1...60_000 as ClosedRange<UInt64>).map { page in
      Mapping(start: page << 12, end: (page + 1) << 12, permissions: [.read])
    }
    let copied = [mappings, []].map { PausePrediction.nanoseconds(target: target, mappings: $0) }
    #expect(copied[0] - copied[1] > 25_000_000)
    let listed = [mappings.count, 0].map { PausePrediction.mostOfStop(target: target, mappingCount: $0) }
    #expect(listed[0] - listed[1] > 25_000_000)
  }

  // MARK: - Control groups

  @Test func groupsAreFoundThroughTheirMounts() throws {
    let text = """
      30 23 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
      31 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
      32 23 0:28 /docker/abc /mnt/memory rw shared:3 - cgroup cgroup rw,memory,hugetlb
      33 23 8:1 / / rw - ext4 /dev/sda rw
      34
      """
    let mounts = ControlGroupMount.parse(Array(text.utf8))
    #expect(mounts.map(\.folder) == ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/mnt/memory"])
    #expect(mounts.map(\.isUnified) == [false, true, false])
    #expect(mounts.map { $0.controllers.contains("memory") } == [true, false, true])
    let mount = ControlGroupMount(folder: "/proc/self", root: "/", isUnified: true)
    var isHidden = false
    // Real folders, so that they can be looked at: innermost first, up to the mount.
    #expect(mount.folders(for: "/task/\(getpid())", isHidden: &isHidden).first == "/proc/self/task/\(getpid())")
    #expect(mount.folders(for: "/task", isHidden: &isHidden) == ["/proc/self/task", "/proc/self"])
    #expect(!isHidden)
    #expect(mount.folders(for: "/../outside", isHidden: &isHidden) == ["/proc/self"])
    #expect(isHidden)
    let part = ControlGroupMount(folder: "/proc/self", root: "/docker/abc", isUnified: false)
    isHidden = false
    #expect(part.folders(for: "/docker/abc/task", isHidden: &isHidden) == ["/proc/self/task", "/proc/self"])
    #expect(!isHidden)
    #expect(part.folders(for: "/docker/other", isHidden: &isHidden) == ["/proc/self"])
    #expect(isHidden)
  }

  // MARK: - Pages

  /// The kernel gathers 512 ranges at a time and, where there were more, names a place behind which it has told some already: ranges that lie across the
  /// end of what was asked for are whole all the same.
  @Test func manyRangesInOneRequestAreAllFound() throws {
    let pageCount = 20_000
    let size = pageCount * 4096
    let memory = try #require(
      mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
    defer { munmap(memory, size) }
    madvise(memory, size, 15)  // No huge pages.
    // One in 24, and a longer range across the end of the first request, which asks for 64 MiB.
    let touched = (0..<pageCount).filter { $0 % 24 == 0 || (16_380..<16_390).contains($0) }
    for page in touched { memory.storeBytes(of: 1, toByteOffset: page * 4096, as: UInt8.self) }
    let start = UInt64(UInt(bitPattern: memory))
    let mapping = Mapping(start: start, end: start + UInt64(size), permissions: [.read, .write])
    let pages = try PresentPages(pid: getpid(), mappings: [mapping], wanted: { _ in true })
    let found = pages.ranges.flatMap { range in
      stride(from: range.lowerBound, to: range.upperBound, by: 4096).map { Int(($0 - start) / 4096) }
    }
    #expect(found == touched)
    #expect(pages.smallPageBytes == UInt64(touched.count) * 4096)
  }

  /// Both ways to ask the kernel agree, on this very process.
  @Test func pagesAreFoundWithAndWithoutScan() throws {
    let size = 64 * 4096
    let memory = try #require(mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { munmap(memory, size) }
    madvise(memory, size, 15)  // No huge pages.
    let touched = [0, 1, 2, 17, 40, 41, 63]
    for page in touched { memory.storeBytes(of: 1, toByteOffset: page * 4096, as: UInt8.self) }
    let start = UInt64(UInt(bitPattern: memory))
    let mapping = Mapping(start: start, end: start + UInt64(size), permissions: [.read, .write])
    for usesScan in [true, false] {
      let pages = try PresentPages(pid: getpid(), mappings: [mapping], usesScan: usesScan, wanted: { _ in true })
      let found = pages.ranges.flatMap { range in
        stride(from: range.lowerBound, to: range.upperBound, by: 4096).map { Int(($0 - start) / 4096) }
      }
      #expect(found == touched)
      #expect(pages.byteCount == UInt64(touched.count) * 4096)
      #expect(pages.smallPageBytes == pages.byteCount)
      #expect(pages.ranges.count == 4)
      // Scans go from used page to used page, and past nothing where nobody looked.
      for position in 0..<64 {
        let next = touched.first { $0 >= position } ?? 64
        let from = start + UInt64(position) * 4096
        for (address, expected) in [
          (from, start + UInt64(next) * 4096), (from + 8, next == position ? from + 8 : start + UInt64(next) * 4096),
        ] {
          func skipped(_ isCovered: Bool) -> UInt64 {
            SparseRead.skippingUntouched(address, to: mapping.end, mappings: [mapping], present: pages) { _ in isCovered
            }
          }
          #expect(skipped(true) == expected)
          #expect(skipped(false) == address)
        }
      }
    }
  }
}
