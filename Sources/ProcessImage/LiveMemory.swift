import CLinux
import Glibc

/// The memory of a process through `/proc/PID/mem`: a running one, a stopped one, or a frozen copy.
///
/// Reads with `pread`, never `process_vm_readv`: that one pins pages, which makes the kernel duplicate every page that a frozen copy
/// still shares with the target. Needs permission to attach, but attaches nothing.
public final class LiveMemory: MemoryReader {
  private let file: Descriptor

  /// - Throws: `noSuchProcess`, `processGone`, `notPermitted`, `cannotRead`.
  public init(pid: Int32) throws(ProcessImageError) {
    do throws(SystemError) {
      file = try Descriptor(reading: "/proc/\(pid)/mem")
    } catch {
      throw Procfs.failure(error.code, pid: pid, file: "mem", attempted: "read the memory")
    }
  }

  public func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    guard let base = buffer.baseAddress, buffer.count > 0 else { return }
    guard address <= UInt64(Int64.max) - UInt64(buffer.count) else {
      throw .unreadable(address: address, count: buffer.count)
    }
    var filled = 0
    while filled < buffer.count {
      let position = off_t(address) + off_t(filled)
      let count = pread(file.number, base.advanced(by: filled), buffer.count - filled, position)
      if count > 0 {
        filled += count
      } else if count == 0 {
        // The kernel answers 0 once the address space that was opened has no user left (exit or exec).
        throw .targetGone
      } else if errno == ESRCH {
        throw .targetGone
      } else if errno != EINTR {
        throw .unreadable(address: address, count: buffer.count)
      }
    }
  }
}
