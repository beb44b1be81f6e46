/// Keeps known amounts of memory, each allocated by a function of its own: 400 stores of 64 KiB by `Store.load(id:)`, one array of 8 MiB by `buildIndex()`.
import Glibc

final class Store {
  var bytes: [UInt8]
  init(count: Int) { bytes = [UInt8](repeating: 1, count: count) }

  @inline(never)
  static func load(id: Int) -> Store { Store(count: 65_536 - 32) }
}

@inline(never)
func buildIndex() -> [Int] { [Int](repeating: 7, count: 1 << 20) }

@inline(never)
func churn(_ rounds: Int) -> Int {
  var total = 0
  for round in 0..<rounds { total += [Int](repeating: round, count: 512).count }
  return total
}

@main
enum Program {
  nonisolated(unsafe) static var kept: [Store] = []
  nonisolated(unsafe) static var index: [Int] = []
  static func main() {
    for id in 0..<400 { kept.append(Store.load(id: id)) }
    index = buildIndex()
    print(kept.count, index.count, churn(2000))
  }
}
