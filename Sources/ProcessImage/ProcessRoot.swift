import CLinux
import Glibc

/// Module files of a live process as that process sees them: through its own root directory, so that containers work.
struct ProcessRoot: ModuleFiles {
  /// The process, or a thread of it that has not ended.
  private let pid: Int32
  private let mappings: [Mapping]
  /// Held open, so that files can still be found when the process (or the frozen copy) has ended meanwhile.
  private let root: Descriptor?

  /// - Parameter pid: the target, or its frozen copy.
  init(pid: Int32, mappings: [Mapping]) {
    self.pid = Procfs.livingThread(of: pid) ?? pid
    self.mappings = mappings
    let number = Glibc.open("/proc/\(self.pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    root = number >= 0 ? Descriptor(owning: number) : nil
  }

  /// The file that is mapped, never one that has taken its place: the inode or the build id must agree.
  ///
  /// Order: the path in the target's root; `/proc/PID/exe` (the executable, also deleted); `/proc/PID/map_files` (also deleted; needs
  /// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN).
  func open(_ module: Module) -> (any FileBytes)? {
    let own = mappings.filter { $0.path == module.path && $0.start >= module.start && $0.end <= module.end }
    if !module.isDeleted, let file = openInRoot(module.path), isSame(file, module, own) { return file }
    if Procfs.executable(of: pid) == module.path, let file = try? DiskFile(path: "/proc/\(pid)/exe"),
      isSame(file, module, own)
    {
      return file
    }
    if let first = own.first {
      let range = String(first.start, radix: 16) + "-" + String(first.end, radix: 16)
      if let file = try? DiskFile(path: "/proc/\(pid)/map_files/\(range)"), isSame(file, module, own) { return file }
    }
    return nil
  }

  private func isSame(_ file: DiskFile, _ module: Module, _ own: [Mapping]) -> Bool {
    if let expected = module.buildID, let found = (try? ELFFile(file))?.buildID { return expected == found }
    // overlayfs may show other inodes in maps than stat does; without build ids there is nothing better.
    return own.contains { $0.inode == file.inode }
  }

  /// Opens `path` below the target's root. Symbolic links inside it cannot lead out of it where the kernel has openat2 (5.6).
  private func openInRoot(_ path: String) -> DiskFile? {
    guard let root else { return nil }
    let inside = memwhy_open_in_root(root.number, path)
    if inside >= 0 { return try? DiskFile(Descriptor(owning: inside)) }
    guard errno == ENOSYS || errno == EPERM else { return nil }
    return try? DiskFile(path: "/proc/\(pid)/root" + path)
  }
}
