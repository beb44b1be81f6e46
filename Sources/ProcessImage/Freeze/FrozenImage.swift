extension ProcessImage {
  /// A process at one instant, as a copy-on-write copy. The copy lives as long as `memory` is in use; see `FrozenProcess.release`.
  ///
  /// - Returns: the image, and what to release when all is read.
  /// - Throws: why the freeze was refused or did not work; the target runs on unharmed.
  public static func frozen(
    pid: Int32, options: FreezeOptions = FreezeOptions()
  ) throws(FreezeError) -> (image: ProcessImage, process: FrozenProcess) {
    // Before and after, as the process should not wait for it: whatever was there at the freeze is in one of the two.
    let words = KernelWords.read(of: pid)
    let frozen = try FrozenProcess.freeze(pid, options: options)
    var image = ProcessImage(
      source: .frozen, pid: pid, name: Procfs.name(of: pid), mappings: frozen.mappings,
      modules: ModuleDiscovery.modules(mappings: frozen.mappings, memory: frozen.memory), threads: frozen.threads,
      memory: frozen.memory, files: ProcessRoot(pid: pid, mappings: frozen.mappings), freeze: frozen.report)
    image.kernelWords = words.union(KernelWords.read(of: pid))
    return (image, frozen)
  }
}
