/// Functions that allocate on somebody's behalf. In a heap profile they would hold everything: "swift_slowAlloc 100 %".
public enum RuntimeFunctions {
  /// As a profile's `drop_frames`, so that pprof folds the same frames and prints the same numbers.
  ///
  /// Only functions that never call back into the program: what is below them is allocator.
  public static let dropFrames =
    [
      // The C library's allocation functions, and those of tcmalloc and jemalloc.
      "(__libc_|tc_|je_|mi_)?(malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|reallocarray)",
      "(__)?(strdup|strndup)", "tc_new(array)?(_nothrow|_aligned)*", "tc_malloc_skip_new_handler",
      "operator new(\\[\\])?", "_Zn[wa]m.*",
      // The Swift runtime (stdlib/public/runtime/HeapObject.cpp, Heap.cpp; include/swift/Runtime/HeapObject.h).
      "_?swift_(slowAlloc|slowAllocTyped|allocObject|allocObject_|allocBox|allocEmptyBox|bufferAllocate|coroFrameAlloc|unexpectedError_alloc)_?",
      "swift::swift_(slowAlloc|slowAllocTyped|allocObject|allocBox)", "swift_allocError", "swift_makeBoxUnique",
      // memwhy's own sampler, and others that are loaded into the program.
      "memwhy_.*", "(je_)?prof_(backtrace|alloc_prep|tctx_create|malloc|sample)[a-z_]*",
      "(je_)?(imalloc|mallocx|rallocx|malloc_default)[a-z_]*", "tcmalloc::.*", "MallocHook::.*", "MallocBlock::.*",
      "DebugAllocate", "\\[lib(jemalloc|tcmalloc|mimalloc|heaptrack)[^\\]]*\\]",
    ].joined(separator: "|")

  /// The file's name where it is an allocator or a profiler that is loaded in front of one: nothing in it calls back into the program.
  static func allocatorLibrary(_ path: String) -> String? {
    let base = SourcePaths.base(path)
    return ["libjemalloc", "libtcmalloc", "libmimalloc", "libheaptrack"].contains { base.hasPrefix($0) } ? base : nil
  }
}
