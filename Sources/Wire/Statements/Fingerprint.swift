/// A statement without what changes from call to call: literals become `?`, lists of them `(?…)`, keys lose their numbers.
public struct Fingerprint: Hashable, Sendable {
  public var text: String
  /// Elements of the longest list: `IN (…)`, the rows of `VALUES`, the keys of MGET.
  public var longestList = 0

  private static let longestText = 1_000

  init(text: String) { self.text = text }

  /// Of SQL. O(bytes).
  init(sql: some Collection<UInt8>, _ dialect: SQLFolder.Dialect) {
    var folder = SQLFolder(dialect)
    for byte in sql { folder.add(byte) }
    folder.finish()
    text = String(folder.text.prefix(Self.longestText))
    longestList = folder.longestList
  }

  /// Of a Redis command: its name, and its first key with numbers folded.
  init?(redis value: RESPReader.Value) {
    guard let command = value.strings.first, !command.isEmpty else { return nil }
    let name = String(command.uppercased().prefix(32))
    guard name.unicodeScalars.allSatisfy({ $0.value > 32 && $0.value < 127 }) else { return nil }
    let arguments = Int(clamping: value.rows) - 1
    switch name {
    case "MGET", "DEL", "EXISTS", "UNLINK", "TOUCH": longestList = max(arguments, 0)
    case "HMGET", "SADD", "SREM", "ZREM", "RPUSH", "LPUSH": longestList = max(arguments - 1, 0)
    case "MSET", "MSETNX": longestList = max(arguments / 2, 0)
    default: break
    }
    let hasKey = !["AUTH", "HELLO", "EVAL", "EVALSHA", "CONFIG", "CLIENT", "PING", "SELECT", "ECHO"].contains(name)
    guard hasKey, value.strings.count > 1 else {
      text = name
      return
    }
    text = name + " " + Self.key(value.strings[1]) + (longestList > 1 ? " …" : "")
  }

  /// `user:4711:cart` -> `user:?:cart`.
  private static func key(_ key: String) -> String {
    var result = ""
    var inNumber = false
    for scalar in key.unicodeScalars.prefix(80) {
      let isNumber = scalar.value >= 48 && scalar.value <= 57
      if isNumber {
        if !inNumber { result += "?" }
      } else {
        result.unicodeScalars.append(scalar.value < 32 || scalar.value == 127 ? "." : scalar)
      }
      inNumber = isNumber
    }
    return result
  }
}
