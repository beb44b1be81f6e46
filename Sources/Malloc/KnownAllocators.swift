import ProcessImage

/// Names of allocators that have no walker here, by what they leave in the list of modules and mappings.
public enum KnownAllocators {
  /// One recognisable allocator.
  private struct Hint {
    var name: String
    /// Beginnings of the module's file name.
    var modules: [String]
  }

  private static let hints = [
    Hint(name: "jemalloc", modules: ["libjemalloc"]),
    Hint(name: "tcmalloc", modules: ["libtcmalloc"]),
    Hint(name: "mimalloc", modules: ["libmimalloc"]),
    Hint(name: "musl malloc", modules: ["ld-musl-", "libc.musl-"]),
    Hint(name: "snmalloc", modules: ["libsnmalloc"]),
    Hint(name: "Hoard", modules: ["libhoard"]),
    Hint(name: "scudo", modules: ["libclang_rt.scudo"]),
    Hint(name: "AddressSanitizer's malloc", modules: ["libclang_rt.asan", "libasan"]),
  ]

  /// The allocator that a module of this file name brings; nil for other modules.
  public static func name(ofModule name: String) -> String? {
    hints.first { $0.modules.contains { name.hasPrefix($0) } }?.name
  }

  /// The allocator that replaces libc's own, or nil where no module tells.
  public static func name(in image: ProcessImage) -> String? {
    if let name = image.modules.lazy.compactMap({ name(ofModule: $0.name) }).first { return name }
    // Allocators name their memory where the kernel lets them (PR_SET_VMA_ANON_NAME).
    for (mark, name) in [("[anon:mimalloc", "mimalloc"), ("[anon:scudo", "scudo"), ("[anon:jemalloc", "jemalloc")] {
      if image.mappings.contains(where: { $0.path.hasPrefix(mark) }) { return name }
    }
    return nil
  }
}
