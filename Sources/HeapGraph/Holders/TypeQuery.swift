import Malloc
import SwiftMetadata

/// Finds types by the names that people type: `Session`, `app.Session`, `[String : Offer]`, `Dictionary<String, Offer>`.
struct TypeQuery {
  let heap: TypedHeap
  private static let nearLimit = 5

  /// - Throws: `HoldersError.noSuchType`.
  func types(named text: String) throws(HoldersError) -> (name: String, indices: Set<Int>) {
    let wanted = Self.normal(text)
    var live = Set<Int>()
    for block in 0..<heap.blocks.count { live.insert(heap.typeIndex(block)) }
    var spellings: [(index: Int, spellings: [String])] = []
    for index in live where index != TypedHeap.unknown {
      let type = heap.types[index]
      spellings.append((index, Self.spellings(type)))
    }
    // From strict to lax: the first that finds something decides.
    let tests: [(String) -> Bool] = [
      { $0 == wanted }, { $0.lowercased() == wanted.lowercased() },
      { $0.hasSuffix("." + wanted) || Self.agree($0, wanted) },
      { Self.base($0) == wanted || Self.base($0).hasSuffix("." + wanted) },
    ]
    for test in tests {
      let found = spellings.filter { $0.spellings.contains(where: test) }
      if let first = found.first {
        return (found.count == 1 ? ContainerNames.readable(heap.types[first.index]) : text, Set(found.map(\.index)))
      }
    }
    var ranked: [(distance: Int, name: String)] = []
    for (index, names) in spellings {
      let query = Self.base(wanted).lowercased()
      // A value lives inside other blocks: the parts of a name count as well.
      let words = names.flatMap {
        $0.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
      }
      let distance =
        (names.map { Self.base($0).lowercased() } + words).map { word in
          word == query ? 0 : word.contains(query) && query.count > 2 ? 1 : Self.distance(word, query)
        }.min() ?? Int.max
      ranked.append((distance, ContainerNames.readable(heap.types[index])))
    }
    let limit = max(1, wanted.count / 3)
    var near: [String] = []
    // Of names that are as near the type itself comes first, before what it is a parameter of.
    ranked.sort { ($0.distance, $0.name.count, $0.name) < ($1.distance, $1.name.count, $1.name) }
    for (distance, name) in ranked
    where distance <= limit && !near.contains(name) && near.count < Self.nearLimit {
      near.append(name)
    }
    throw .noSuchType(text, near: near)
  }

  private static func spellings(_ type: ObjectType) -> [String] {
    var names = [normal(type.name)]
    let readable = ContainerNames.readable(type)
    if readable != type.name {
      names.append(normal(readable))
      if readable.hasSuffix(" storage") { names.append(normal(String(readable.dropLast(8)))) }
    }
    switch type.layout {
    case .hashTable(_, let key, let value?):
      names.append(normal("Dictionary<\(key.typeName), \(value.typeName)>"))
    case .array(_, let element): names.append(normal("Array<\(element.typeName)>"))
    default: break
    }
    return names
  }

  /// Without spaces: `[Int: T]` is `[Int : T]`.
  private static func normal(_ text: String) -> String { text.filter { $0 != " " } }

  /// Whether each name is the wanted one or ends with it: `[String:app.Offer]` for `[String:Offer]`.
  private static func agree(_ name: String, _ wanted: String) -> Bool {
    let (names, others) = (parts(name), parts(wanted))
    return names.count == others.count && zip(names, others).allSatisfy { $0 == $1 || $0.hasSuffix("." + $1) }
  }

  /// Names with their dots, and what stands between them.
  private static func parts(_ text: String) -> [Substring] {
    func isName(_ character: Character) -> Bool { character.isLetter || character.isNumber || "_.".contains(character) }
    var parts: [Substring] = []
    var rest = text[...]
    while let first = rest.first {
      let part = rest.prefix { isName($0) == isName(first) }
      parts.append(part)
      rest = rest[part.endIndex...]
    }
    return parts
  }

  /// Without generic arguments.
  private static func base(_ name: String) -> String { String(name.prefix { $0 != "<" }) }

  /// Levenshtein distance (V. Levenshtein, 1965), by rows; names are cut to 64 characters.
  static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8.prefix(64))
    let b = Array(b.utf8.prefix(64))
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var diagonal = row[0]
      row[0] = i + 1
      for j in 0..<b.count {
        let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}
