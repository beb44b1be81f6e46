/// What a row of a report stands for.
public enum Granularity: String, Sendable, Hashable, CaseIterable {
  case functions, filefunctions, lines, files, addresses
}

extension Profile {
  /// Forgets the details that `granularity` does not distinguish.
  ///
  /// - Parameter noInlines: of inlined functions only the outermost stays.
  mutating func aggregate(_ granularity: Granularity, noInlines: Bool) {
    if noInlines {
      for index in locations.indices where locations[index].lineCount > 1 {
        locations[index].firstLine += locations[index].lineCount - 1
        locations[index].lineCount = 1
      }
    }
    if granularity == .addresses { return }
    for index in locations.indices { locations[index].address = 0 }
    if granularity == .files {
      for index in functions.indices {
        functions[index].name = 0
        functions[index].systemName = 0
      }
    }
    if granularity == .functions {
      for index in functions.indices { functions[index].file = 0 }
    }
    if granularity != .lines {
      for index in lines.indices { lines[index].number = 0 }
    }
  }
}
