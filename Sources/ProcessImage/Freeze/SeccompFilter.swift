import CLinux

/// Evaluates the target's own seccomp filters on the calls that an injection makes: a filter may kill the process for one.
///
/// Classic BPF as of Linux `kernel/seccomp.c` and `include/uapi/linux/filter.h`.
struct SeccompFilter {
  var instructions: [clinux_filter_instruction]

  private static let longest = 4096
  private static let filterLimit: UInt = 64
  private static let strict = 1
  /// `SECCOMP_MODE_FILTER`.
  static let filtered = 2
  private static let allow: UInt32 = 0x7fff_0000
  private static let log: UInt32 = 0x7ffc_0000
  private static let returnsError: UInt32 = 0x0005_0000
  private static let actionMask: UInt32 = 0xffff_0000
  private static let auditArchitecture: UInt32 = 0xc000_003e

  /// A system call as a filter sees it (`struct seccomp_data`).
  struct Call {
    var number: UInt32
    var instructionPointer: UInt64 = 0
    var arguments: [UInt64] = []

    /// A 32-bit word of the structure.
    func word(at offset: UInt32) -> UInt32? {
      guard offset % 4 == 0, offset < 64 else { return nil }
      switch offset {
      case 0: return number
      case 4: return SeccompFilter.auditArchitecture
      default:
        let index = Int(offset / 8) - 1
        let value = index == 0 ? instructionPointer : index - 1 < arguments.count ? arguments[index - 1] : 0
        return offset % 8 == 0 ? UInt32(truncatingIfNeeded: value) : UInt32(truncatingIfNeeded: value >> 32)
      }
    }
  }

  private static let unreadable =
    "memwhy may not examine it, which takes CAP_SYS_ADMIN on the host: a wrong guess would kill the process"

  /// What `refusal` would say of every thread of process `pid`, as far as that shows while it runs: the kernel shows filters of stopped
  /// threads only, but who may not read them will not then. Ends at the first thread without a filter.
  static func refusal(pid: Int32, mode: Int, allowsUnknown: Bool, mayRead: @autoclosure () -> Bool) -> String? {
    guard mode == filtered, !allowsUnknown, !mayRead(), let threads = try? Procfs.threads(of: pid) else { return nil }
    let isFree = threads.contains { tid in
      guard let bytes = try? contents(of: "/proc/\(pid)/task/\(tid)/status", limit: 1 << 16) else { return false }
      return ProcessStatus(parsing: bytes).seccompMode == 0
    }
    return isFree ? nil : unreadable
  }

  /// Why a call must not be injected into a stopped thread, as half a sentence; nil where every filter allows them all.
  static func refusal(mode: Int, tid: Int32, calls: [Call], allowsUnknown: Bool) -> String? {
    if mode == 0 { return nil }
    if mode == strict { return "its strict mode kills it for any new call" }
    var index: UInt = 0
    while index < filterLimit {
      let count = clinux_get_seccomp_filter(tid, index, nil)
      if count == -Int(ENOENT) { return index == 0 && !allowsUnknown ? "its filter cannot be read" : nil }
      if count < 0 {
        return allowsUnknown
          ? nil
          : unreadable
      }
      var program = [clinux_filter_instruction](repeating: .init(), count: min(Int(count), longest))
      let read = program.withUnsafeMutableBufferPointer { buffer in
        // The kernel writes as many as it said; a filter never changes.
        count <= longest ? clinux_get_seccomp_filter(tid, index, buffer.baseAddress) : -1
      }
      guard read == count else { return allowsUnknown ? nil : "its filter cannot be read" }
      let filter = SeccompFilter(instructions: program)
      for call in calls {
        switch filter.action(for: call).map({ $0 & actionMask }) {
        case allow?, log?: continue
        case returnsError?: return "the filter forbids system call \(call.number), which the copy needs"
        default: return "the filter would kill or trap it for system call \(call.number), which the copy needs"
        }
      }
      index += 1
    }
    return nil
  }

  /// The filter's verdict on a call; nil where the instructions are no valid filter. O(length), since jumps only lead forward.
  func action(for call: Call) -> UInt32? {
    var accumulator: UInt32 = 0
    var index: UInt32 = 0
    var scratch = [UInt32](repeating: 0, count: 16)
    var counter = 0
    while counter < instructions.count {
      let instruction = instructions[counter]
      counter += 1
      let k = instruction.k
      switch instruction.code {
      case 0x20:
        guard let word = call.word(at: k) else { return nil }
        accumulator = word
      case 0x80: accumulator = 64
      case 0x81: index = 64
      case 0x00: accumulator = k
      case 0x01: index = k
      case 0x60, 0x61, 0x02, 0x03:
        guard k < 16 else { return nil }
        switch instruction.code {
        case 0x60: accumulator = scratch[Int(k)]
        case 0x61: index = scratch[Int(k)]
        case 0x02: scratch[Int(k)] = accumulator
        default: scratch[Int(k)] = index
        }
      case 0x07: index = accumulator
      case 0x87: accumulator = index
      case 0x06: return k
      case 0x16: return accumulator
      case let code where code & 7 == 4:
        guard let result = Self.arithmetic(code, accumulator, code & 8 != 0 ? index : k) else { return nil }
        accumulator = result
      case let code where code & 7 == 5:
        guard let jump = Self.jump(instruction, accumulator, code & 8 != 0 ? index : k) else { return nil }
        let (next, overflow) = counter.addingReportingOverflow(jump)
        if overflow { return nil }
        counter = next
      default: return nil
      }
    }
    return nil
  }

  private static func arithmetic(_ code: UInt16, _ left: UInt32, _ right: UInt32) -> UInt32? {
    switch code & 0xf0 {
    case 0x00: left &+ right
    case 0x10: left &- right
    case 0x20: left &* right
    case 0x30: right == 0 ? nil : left / right
    case 0x40: left | right
    case 0x50: left & right
    case 0x60: left &<< right
    case 0x70: left &>> right
    case 0x80: 0 &- left
    case 0xa0: left ^ right
    default: nil
    }
  }

  private static func jump(_ instruction: clinux_filter_instruction, _ left: UInt32, _ right: UInt32) -> Int? {
    let isTaken: Bool
    switch instruction.code & 0xf0 {
    case 0x00: return Int(instruction.k)
    case 0x10: isTaken = left == right
    case 0x20: isTaken = left > right
    case 0x30: isTaken = left >= right
    case 0x40: isTaken = left & right != 0
    default: return nil
    }
    return Int(isTaken ? instruction.jump_true : instruction.jump_false)
  }
}
