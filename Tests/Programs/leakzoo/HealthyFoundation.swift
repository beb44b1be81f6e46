import Foundation
import Synchronization

// Foundation's objects, most of them with native memory behind them.

struct Document: Codable {
  struct Line: Codable {
    var name: String
    var amounts: [Double]
    var tags: [String: String]
  }
  var title: String
  var lines: [Line]
  var parent: [Document]?
}

enum Founded {
  nonisolated(unsafe) static var data: [Data] = []
  nonisolated(unsafe) static var documents: [Document] = []
  nonisolated(unsafe) static var others: [Any] = []
  nonisolated(unsafe) static var encoders: [(JSONEncoder, JSONDecoder)] = []
}

@inline(never) func holdData(_ number: Int) {
  let bytes = Data((0..<2_000).map { UInt8(truncatingIfNeeded: $0 + number) })
  Founded.data += [bytes.dropFirst(1_000), Data("short".utf8), Data(bytes.prefix(100))]
  bytes.withUnsafeBytes { Truth.add(UInt(bitPattern: $0.baseAddress), .healthy, "slice of Data") }
}

@inline(never) func holdJSON(_ number: Int) {
  let line = Document.Line(
    name: "line number \(number) with a long name", amounts: [1, 2, 3.5], tags: ["a rather long tag name": "value"])
  let inner = Document(title: "inner", lines: [line], parent: nil)
  let document = Document(title: "document number \(number), long enough", lines: [line, line], parent: [inner])
  let encoder = JSONEncoder()
  let decoder = JSONDecoder()
  guard let text = try? encoder.encode(document), let copy = try? decoder.decode(Document.self, from: text) else {
    Truth.fail("JSON does not survive a round trip")
  }
  Founded.documents.append(copy)
  Founded.encoders.append((encoder, decoder))
  Truth.add(Truth.storage(copy.title), .healthy, "decoded JSON")
  Truth.add(Truth.storage(copy.lines), .healthy, "decoded JSON")
  for line in copy.lines {
    Truth.add(Truth.storage(line.name), .healthy, "decoded JSON")
    Truth.add(Truth.word(line.tags), .healthy, "decoded JSON")
    Truth.add(Truth.storage(line.amounts), .healthy, "decoded JSON")
  }
}

@inline(never) func holdObjects(_ number: Int) {
  let baggage = Baggage(number)
  let cache = NSCache<NSString, Baggage>()
  cache.setObject(baggage, forKey: "key \(number)" as NSString)
  Truth.add(baggage, .healthy, "NSCache")
  let table = NSMutableDictionary()
  let inTable = Baggage(number)
  table["a key that is long enough for the heap"] = inTable
  Truth.add(inTable, .healthy, "NSMutableDictionary")
  let list = NSMutableArray(array: [Baggage(number), Baggage(number)])
  let lock = NSLock()
  let condition = NSCondition()
  let text = NSMutableString(string: String(repeating: "foundation ", count: 30))
  let token = NotificationCenter.default.addObserver(forName: .init("note"), object: nil, queue: nil) { _ in
    baggage.bytes.append(1)
  }
  let operations = OperationQueue()
  operations.isSuspended = true
  let operated = Baggage(number)
  operations.addOperation { operated.bytes.append(1) }
  Truth.add(operated, .healthy, "suspended OperationQueue")
  Founded.others += [
    cache, table, list, lock, condition, text, token, operations, URL(fileURLWithPath: "/tmp/a/long/path/\(number)"),
    Date(), UUID(), Calendar.current, IndexSet(0..<number), DateComponents(year: 2026), Locale(identifier: "de_DE"),
    CharacterSet.letters,
  ]
  Truth.add(lock, .healthy, "NSLock")
}

@inline(never) func holdFormatters(_ number: Int) {
  let formatter = DateFormatter()
  formatter.dateFormat = "yyyy-MM-dd"
  _ = formatter.string(from: Date())
  let regex = try? NSRegularExpression(pattern: "([a-z]+)-([0-9]+)")
  Founded.others += [
    formatter, NumberFormatter(), Date().formatted(), regex as Any, ProcessInfo.processInfo.environment,
  ]
}

@inline(never) func holdPipes(_ number: Int) {
  let pipe = Pipe()
  let baggage = Baggage(number)
  Truth.add(baggage, .healthy, "readability handler")
  pipe.fileHandleForReading.readabilityHandler = { _ in baggage.bytes.append(1) }
  Founded.others.append(pipe)
}

let healthyFoundation: [Scenario] = [
  Scenario(name: "data", isLeak: false, run: holdData),
  Scenario(name: "json", isLeak: false, run: holdJSON),
  Scenario(name: "foundation", isLeak: false, weight: 0.2, run: holdObjects),
  Scenario(name: "formatters", isLeak: false, weight: 0, run: holdFormatters),
  Scenario(name: "pipes", isLeak: false, weight: 0.1, run: holdPipes),
]
