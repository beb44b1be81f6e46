import CLinux

extension ProcessImage {
  /// Whether the program runs inside of another one, which has its memory and lends it its threads: under an emulator
  /// (qemu-user, Rosetta) or Valgrind. What the kernel runs is that one then, and so are the registers, the stacks and the C library that is found first.
  ///
  /// A loader notes in the program that it has loaded where its list of modules is (DT_DEBUG, `r_debug` of <link.h>): that is the executable, unless
  /// the loader itself was started, with the program as its argument. False for core files, which do not say what was executed.
  public var isEmulated: Bool {
    guard let pid, let executable = Procfs.executable(of: pid), mappings.contains(where: { $0.path == executable })
    else { return false }
    // Not only modules: what an emulator executes in its own way may be mapped without the permission.
    return mappings.contains { mapping in
      guard mapping.isFile, mapping.fileOffset == 0, mapping.path != executable,
        let base = loaderBase(notedIn: mapping.start)
      else { return false }
      return !mappings.contains { $0.path == executable && $0.start == base }
    }
  }

  /// Where the loader of this program is; nil where no loader has noted anything in what is mapped there.
  private func loaderBase(notedIn start: UInt64) -> UInt64? {
    guard let elf = ELFImage(memory: memory, base: start),
      let dynamic = elf.segments.first(where: { $0.type == UInt32(PT_DYNAMIC) })
    else { return nil }
    let tags = elf.bias &+ dynamic.virtualAddress
    for index in 0..<min(dynamic.memorySize / 16, Self.mostTags) {
      guard let tag: UInt64 = try? memory.load(at: tags &+ 16 &* index), tag != 0 else { return nil }
      guard tag == Self.debugTag else { continue }
      // struct r_debug: {version, map, brk, state, ldbase}. An emulator may have put it elsewhere than the program knows.
      guard let debug: UInt64 = try? memory.load(at: tags &+ 16 &* index &+ 8), debug != 0 else { return nil }
      return (try? memory.load(at: debug &+ 32)) ?? 0
    }
    return nil
  }

  private static let debugTag: UInt64 = 21
  private static let mostTags: UInt64 = 256
}
