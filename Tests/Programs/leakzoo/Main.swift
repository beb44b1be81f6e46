import Foundation

/// One kind of leak, or one healthy way to hold memory. `run` is called with 0, 1, 2, …
struct Scenario: Sendable {
  var name: StaticString
  var isLeak: Bool
  /// Only when asked for by name.
  var isExtra = false
  /// Instances as a share of `--count`; 0 means exactly one.
  var weight: Double = 1
  var run: @Sendable (Int) -> Void
}

/// `leakzoo TRUTHFILE [--count N] [--exit] [all | leaks | plain-leaks | task-leaks | healthy | NAME …]`: leaks in many ways and holds memory in many more, writes
/// down which is which, prints READY and sleeps.
@main
enum LeakZoo {
  static func main() {
    var arguments = CommandLine.arguments.dropFirst()
    guard let path = arguments.popFirst() else {
      print(
        "usage: leakzoo TRUTHFILE [--count N] [--exit] [all | leaks | plain-leaks | task-leaks | healthy | NAME ...]")
      for scenario in scenarios() { print(scenario.isLeak ? "  leak   " : "  healthy", scenario.name) }
      exit(64)
    }
    var count = 50
    var exits = false
    var wanted: Set<String> = []
    while let argument = arguments.popFirst() {
      if argument == "--count" {
        count = arguments.popFirst().flatMap { Int($0) } ?? count
      } else if argument == "--exit" {
        exits = true
      } else {
        wanted.insert(argument)
      }
    }
    if wanted.isEmpty { wanted = ["all"] }
    Truth.open(path)
    runAll(wanted, count)
    Quiet.wait()
    _ = scrub(40)
    print("READY pid \(getpid()) blocks \(Truth.count)")
    fflush(nil)
    // Tools that report at exit need one.
    if exits { exit(0) }
    while true { pause() }
  }

  @inline(never) static func runAll(_ wanted: Set<String>, _ count: Int) {
    let table = scenarios()
    for name in wanted where !["all", "leaks", "plain-leaks", "task-leaks", "healthy"].contains(name) {
      guard table.contains(where: { $0.name.description == name }) else { Truth.fail("no scenario \(name)") }
    }
    for scenario in table {
      let isTask = taskLeaks.contains { $0.name.description == scenario.name.description }
      let group: Set<String> =
        scenario.isLeak ? ["all", "leaks", isTask ? "task-leaks" : "plain-leaks"] : ["all", "healthy"]
      guard
        (!scenario.isExtra && !wanted.isDisjoint(with: group)) || wanted.contains(scenario.name.description)
      else { continue }
      let repeats = scenario.weight == 0 ? 1 : max(1, Int(Double(count) * scenario.weight))
      for index in 0..<repeats { once(scenario, index) }
    }
  }

  /// One instance, and nothing of it left on the stack.
  @inline(never) @_optimize(none)
  static func once(_ scenario: Scenario, _ index: Int) {
    scenario.run(index)
    _ = scrub()
  }

  static func scenarios() -> [Scenario] {
    cycleLeaks + valueCycleLeaks + plainLeaks + staleLeaks + taskLeaks + healthyStorage + healthyCaptures
      + healthyReferences + healthyUnsafe + healthyOutside + healthyDispatch + healthyFoundation + healthyThreads
      + healthyTasks
  }
}
