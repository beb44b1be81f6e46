import Glibc
import ProcessImage

/// Local ports from which a process is connected to a server's port.
enum ClientPorts {
  /// By the process's descriptors and `/proc/PID/net/tcp` and `tcp6` (proc(5)). O(descriptors + connections).
  ///
  /// - Throws: `CLIError.noInput`, `.notPermitted`.
  static func of(_ pid: Int32, server: UInt16) throws(CLIError) -> Set<UInt16> {
    let process = Procfs.folder(of: pid)
    let folder = process + "/fd"
    guard Files.exists("/proc/\(pid)") else {
      throw .noInput("there is no process \(pid); `ps` lists them")
    }
    guard let names = try? folderEntries(folder) else {
      throw .notPermitted("not permitted to see the connections of process \(pid); run as the same user or as root")
    }
    var inodes: Set<Substring> = []
    for name in names {
      guard let target = linkTarget(folder + "/" + name), target.hasPrefix("socket:[") else { continue }
      inodes.insert(target.dropFirst(8).dropLast())
    }
    var ports: Set<UInt16> = []
    for table in ["tcp", "tcp6"] {
      for line in Files.text("\(process)/net/\(table)").split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        guard words.count > 9, inodes.contains(words[9]), let local = port(words[1]), port(words[2]) == server else {
          continue
        }
        ports.insert(local)
      }
    }
    return ports
  }

  /// `0100007F:1F90` -> 8080.
  private static func port(_ word: Substring) -> UInt16? {
    word.split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
  }
}
