// Two caches that one function fills, and entries that are in both. Prints how many entries each has, then waits.
import Glibc

final class Entry {
  var bytes: [UInt8]
  init(_ count: Int) { bytes = [UInt8](repeating: 7, count: count) }
}

nonisolated(unsafe) var first: [Int: Entry] = [:]
nonisolated(unsafe) var second: [Int: Entry] = [:]

/// Two blocks each: the entry and its bytes.
@inline(never) func makeEntry() -> Entry { Entry(1000) }

@inline(never) func fill() {
  for index in 0..<300 { first[index] = makeEntry() }
  for index in 0..<500 { second[index] = makeEntry() }
  for index in 1000..<1070 {
    let entry = makeEntry()
    first[index] = entry
    second[index] = entry
  }
}

@main struct Main {
  static func main() {
    fill()
    print("first 300 second 500 both 70")
    print("READY")
    fflush(nil)
    while true { sleep(100) }
  }
}
