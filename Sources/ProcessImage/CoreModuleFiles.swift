import Synchronization

/// Files that a core file's process had mapped, looked up on this machine or in copies of its file system.
final class CoreModuleFiles: ModuleFiles {
  private let roots: [String]
  private let opened = Mutex<[String: (any FileBytes)?]>([:])

  init(roots: [String]) { self.roots = roots.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } }

  func open(_ module: Module) -> (any FileBytes)? {
    for root in roots {
      guard let file = try? DiskFile(path: root + module.path) else { continue }
      // Without a build id in the core nothing better than the path is known.
      if let expected = module.buildID, (try? ELFFile(file))?.buildID != expected { continue }
      return file
    }
    return nil
  }

  /// The first file of this path that `isSame` accepts; looked for once.
  func file(path: String, isSame: (any FileBytes) -> Bool) -> (any FileBytes)? {
    if let known = opened.withLock({ $0[path] }) { return known }
    var found: (any FileBytes)?
    for root in roots {
      guard let file = try? DiskFile(path: root + path), isSame(file) else { continue }
      found = file
      break
    }
    opened.withLock { $0[path] = .some(found) }
    return found
  }
}
