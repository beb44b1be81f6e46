// Parses documents in task groups and drops them: some 300 allocations a document. Prints documents and allocations a second of processor
// time, so that what else the machine does counts less.
import Glibc

indirect enum Value {
  case number(Int)
  case text(String)
  case list([Value])
  case object([String: Value])
}

@inline(never) func document(_ seed: Int) -> Value {
  var fields: [String: Value] = [:]
  for index in 0..<20 {
    let name = "a field name that is not inline \(index)"
    switch index % 4 {
    case 0: fields[name] = .number(seed + index)
    case 1: fields[name] = .text("a text of some length, number \(seed &* index)")
    case 2: fields[name] = .list((0..<8).map { .text("element \($0) of document \(seed)") })
    default: fields[name] = .object(["the inner key is long enough \(index)": .number(index)])
    }
  }
  return .object(fields)
}

@inline(never) func size(_ value: Value) -> Int {
  switch value {
  case .number(let number): number & 1
  case .text(let text): text.utf8.count
  case .list(let list): list.reduce(0) { $0 + size($1) }
  case .object(let object): object.values.reduce(0) { $0 + size($1) }
  }
}

@inline(never) func handle(_ range: Range<Int>) async -> Int {
  var sum = 0
  for seed in range {
    sum += size(document(seed))
    if seed % 64 == 0 { await Task.yield() }
  }
  return sum
}

func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

@main struct Documents {
  static func main() async {
    let count = Int(CommandLine.arguments.dropFirst().first ?? "") ?? 40_000
    let start = processorSeconds()
    let sum = await withTaskGroup(of: Int.self) { group in
      for part in 0..<8 { group.addTask { await handle(part * count / 8..<(part + 1) * count / 8) } }
      return await group.reduce(0, +)
    }
    let seconds = processorSeconds() - start
    print(Int(Double(count) / seconds), sum > 0)
  }
}
