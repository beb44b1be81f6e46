import Glibc

/// A word that the kernel keeps for a process and hands back later: often the only address of a connection or a timer's object.
public struct KernelWord: Sendable, Hashable {
  /// What has the kernel keep the word.
  public enum Keeper: Sendable, Hashable {
    /// `epoll_event.data` of a descriptor that an epoll instance watches.
    case epoll(descriptor: Int32)
    /// `sigval` of a timer that signals.
    case timer
  }

  public var keeper: Keeper
  public var value: UInt64
}

/// What `/proc` says of such words (man 5 proc_pid_fdinfo and proc_pid_timers). Linux does not say what io_uring was handed, nor where threads
/// have their alternate signal stacks.
enum KernelWords {
  /// Descriptors that are looked at; event loops open theirs early.
  private static let descriptorLimit = 1 << 16
  private static let epoll = "anon_inode:[eventpoll]"

  /// All at this moment, each once. What cannot be read is left out. O(descriptors + watched descriptors).
  static func read(of pid: Int32) -> Set<KernelWord> {
    var words: Set<KernelWord> = []
    let folder = Procfs.folder(of: pid)
    let names = (try? folderEntries(folder + "/fd")) ?? []
    for descriptor in names.compactMap({ Int32($0) }).sorted().prefix(descriptorLimit)
    where linkTarget(folder + "/fd/\(descriptor)") == epoll {
      guard let text = try? contents(of: folder + "/fdinfo/\(descriptor)") else { continue }
      for value in parseEpoll(text) { words.insert(KernelWord(keeper: .epoll(descriptor: descriptor), value: value)) }
    }
    if let text = try? contents(of: folder + "/timers") {
      for value in parseTimers(text) { words.insert(KernelWord(keeper: .timer, value: value)) }
    }
    return words
  }

  /// `tfd:        9 events:       19 data:     55d0c8a0f2c0  pos:0 ino:… sdev:…` (fs/eventpoll.c, `ep_show_fdinfo`).
  static func parseEpoll(_ text: [UInt8]) -> [UInt64] {
    text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" }
      guard fields.first == "tfd:", let label = fields.firstIndex(of: "data:"), label + 1 < fields.count else {
        return nil
      }
      return pointer(fields[label + 1])
    }
  }

  /// `signal: 10/000055d0c8a0f2c0` (fs/proc/base.c, `show_timer`).
  static func parseTimers(_ text: [UInt8]) -> [UInt64] {
    text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let line = String(decoding: line, as: UTF8.self)
      guard line.hasPrefix("signal: "), let slash = line.lastIndex(of: "/") else { return nil }
      return pointer(line[line.index(after: slash)...])
    }
  }

  /// Nil for numbers that are no addresses: most programs store descriptors and indices.
  private static func pointer(_ digits: Substring) -> UInt64? {
    UInt64(digits, radix: 16).flatMap { $0 < 0x1000 ? nil : $0 }
  }
}
