extension ProcessImage {
  /// The process as it runs, without any pause: no instant and no registers, so no statement about leaks.
  ///
  /// - Throws: `noSuchProcess`, `isThread`, `kernelThread`, `zombie`, `unsupportedTarget`, `notPermitted`, `processGone`.
  public static func running(pid: Int32) throws(ProcessImageError) -> ProcessImage {
    let target = try Procfs.target(pid)
    let memory = try LiveMemory(pid: target.memoryThread)
    let mappings = try Procfs.mappings(of: target.memoryThread)
    guard !mappings.isEmpty else { throw .processGone(pid: pid, attempted: "list its mappings") }
    let modules = ModuleDiscovery.modules(mappings: mappings, memory: memory)
    return ProcessImage(
      source: .running, pid: pid, name: target.status.name, mappings: mappings, modules: modules, threads: [],
      memory: memory, files: ProcessRoot(pid: pid, mappings: mappings))
  }
}
