/// What can be fuzzed: a function of bytes, by name. One line a target.
enum FuzzTargets {
  static let all: [String: @Sendable ([UInt8]) -> Void] = [
    "elf": FileTargets.elf, "core": FileTargets.core, "profile": FileTargets.profile, "pattern": FileTargets.pattern,
    "table": TableTarget.table, "snapshot": FileTargets.snapshot, "suppressions": FileTargets.suppressions,
    "capture": WireTargets.capture, "stream": WireTargets.stream, "kernel": TextTargets.kernel,
    "http": TextTargets.http,
    "names": TextTargets.names, "mangled": TextTargets.mangled, "caches": MemoryTargets.caches,
    "heap": MemoryTargets.heap,
    "metadata": MemoryTargets.metadata, "analysis": MemoryTargets.analysis, "cachefile": CacheTargets.snapshot,
  ]
  nonisolated(unsafe) static var chosen: @Sendable ([UInt8]) -> Void = { _ in }
}
