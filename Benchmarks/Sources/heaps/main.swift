import CForkTime
import Glibc

// heaps tree COUNT        COUNT live objects of 40 usable bytes (48 with malloc's header) in one tree
// heaps list COUNT        the same objects in one chain, each referring back as well
// heaps handlers COUNT    COUNT live objects with a text each, in arrays in dictionaries in a dictionary
// heaps incident IDS N    a cache that holds a dictionary of N structs for each of IDS ids
//
// Prints `READY blocks BLOCKS` and answers each line of its input with `FORK <nanoseconds of a plain fork>`; ends at the end of
// its input.

guard CommandLine.arguments.count >= 3, let count = Int(CommandLine.arguments[2]), count > 0 else {
  print("usage: heaps tree COUNT | heaps list COUNT | heaps handlers COUNT | heaps incident IDS N")
  exit(64)
}
func say(_ line: String) {
  print(line)
  fflush(nil)
}
switch CommandLine.arguments[1] {
case "tree":
  tree = makeTree(count)
  say("READY blocks \(count)")
case "list":
  tree = makeList(count)
  say("READY blocks \(count)")
case "handlers":
  fillHandlers(count)
  say("READY blocks \(handlers.count)")
case "incident":
  let perID = CommandLine.arguments.count > 3 ? Int(CommandLine.arguments[3]) ?? 50 : 50
  fillCache(ids: count, perID: perID)
  say("READY blocks \(cache.count)")
default:
  print("unknown heap \(CommandLine.arguments[1])")
  exit(64)
}
while readLine() != nil { say("FORK \(fork_nanoseconds())") }
