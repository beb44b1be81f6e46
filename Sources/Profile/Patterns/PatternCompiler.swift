/// Turns the tree into a program (Thompson 1968).
enum PatternCompiler {
  /// Repetitions are written out; a program that becomes larger than this is refused.
  private static let longest = 20_000
  /// Nodes that are visited, repeated ones each time. What stands for nothing, as `(){1000}` does, makes no program, and inside of each other such repetitions
  /// would go on for years.
  private static let mostVisits = 200_000

  static func compile(_ node: PatternParser.Node) throws(PatternParser.Failure) -> [Pattern.Instruction] {
    var program: [Pattern.Instruction] = []
    var visits = 0
    try emit(node, &program, &visits)
    return program + [.match]
  }

  private static func emit(
    _ node: PatternParser.Node, _ program: inout [Pattern.Instruction], _ visits: inout Int
  ) throws(PatternParser.Failure) {
    visits += 1
    guard program.count < longest, visits < mostVisits else { throw PatternParser.Failure(what: "it is too large") }
    switch node {
    case .empty: break
    case .characters(let set): program.append(.characters(set))
    case .assertion(let assertion): program.append(.assertion(assertion))
    case .sequence(let parts): for part in parts { try emit(part, &program, &visits) }
    case .alternatives(let all):
      var jumps: [Int] = []
      for (index, part) in all.enumerated() {
        if index == all.count - 1 {
          try emit(part, &program, &visits)
          break
        }
        let split = program.count
        program.append(.match)
        try emit(part, &program, &visits)
        jumps.append(program.count)
        program.append(.match)
        program[split] = .split(split + 1, program.count)
      }
      for jump in jumps { program[jump] = .jump(program.count) }
    case .repeated(let inner, let from, let to):
      for _ in 0..<from { try emit(inner, &program, &visits) }
      guard let to else {
        let split = program.count
        program.append(.match)
        try emit(inner, &program, &visits)
        program.append(.jump(split))
        program[split] = .split(split + 1, program.count)
        return
      }
      var splits: [Int] = []
      for _ in from..<max(from, to) {
        splits.append(program.count)
        program.append(.match)
        try emit(inner, &program, &visits)
      }
      for split in splits { program[split] = .split(split + 1, program.count) }
    }
  }
}
