import Glibc

/// libFuzzer's own entry, for programs that bring their `main` (llvm/docs/LibFuzzer.rst, "Using libFuzzer as a library").
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// usage: fuzz TARGET [options and corpus folders of libFuzzer]
guard CommandLine.argc > 1, let chosen = FuzzTargets.all[CommandLine.arguments[1]] else {
  print("usage: fuzz TARGET [libFuzzer's arguments]\ntargets: " + FuzzTargets.all.keys.sorted().joined(separator: " "))
  exit(64)
}
FuzzTargets.chosen = chosen
// The target's name is not libFuzzer's business; children that it starts for -jobs and -fork would miss it.
var count = CommandLine.argc - 1
var arguments = CommandLine.unsafeArgv + 1
exit(
  runFuzzer(&count, &arguments) { start, size in
    FuzzTargets.chosen(Array(UnsafeBufferPointer(start: start, count: size)))
    return 0
  })
