import HeapGraph
import Measurement

/// What is to be said of the containers at a growing place: more entries or bigger ones, what the keys are, what room is unused, and what
/// another shape would take.
struct CollectionWords {
  let place: GrowingPlace
  /// Units of work done between the snapshots, with the name of their count.
  let work: (name: String, amount: Double)?

  init(_ place: GrowingPlace, work: (name: String, amount: Double)?) {
    self.place = place
    self.work = work
  }

  var lines: [String] { entries + keys + room + copies }

  private var entries: [String] {
    guard let now = place.after, now.kind != .string, now.kind != .bytes, now.entries > 0 else {
      guard let content = place.content, place.contentGrowth > 0 else { return [] }
      let what = content == GrowingPlace.untyped ? content + "s" : content
      let fields = place.sharedBy.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
      return [
        "it keeps \(Say.count(place.contentGrowth)) more \(what), \(Say.bytes(place.growth / place.contentGrowth)) each with what hangs on them"
          + (fields.isEmpty ? "" : ": as many entries came to \(fields.prefix(3).joined(separator: ", "))")
      ]
    }
    let old = place.before.map { ($0.entries, before($0, now)) } ?? (0, 0)
    let what = now.kind == .array || now.kind == .deque ? "elements" : "entries"
    var lines = [
      "\(Say.count(old.0)) -> \(Say.count(now.entries)) \(what), \(Say.bytes(old.1)) -> \(Say.bytes(now.usedBytesPerEntry)) each"
        + ": \(share(old.0, old.1, now))"
    ]
    let more = Double(now.entries) - Double(old.0)
    if let work, work.amount > 0, more > 0 {
      let each = more / work.amount
      lines.append(
        "\(each.hundredths) \(what) are added for each count of \(work.name)"
          + (now.keys == nil ? "" : Self.repeats(each)))
    }
    return lines
  }

  /// Bytes of an entry at the first snapshot.
  ///
  /// What hung on the entries then may have hung on a thread that worked on them as well, and counts there: where the entries seem to have become
  /// more by far than the place grew, it is that growth from which they are told.
  private func before(_ old: ContainerSummary, _ now: ContainerSummary) -> UInt64 {
    let total = Double(now.usedBytesPerEntry) * Double(now.entries)
    let seeming = total - Double(old.usedBytesPerEntry) * Double(old.entries)
    guard old.entries > 0, place.growth > 0, seeming > Self.believed * Double(place.growth) else {
      return old.usedBytesPerEntry
    }
    let each = (total - Double(place.growth)) / Double(old.entries)
    return max(UInt64(min(each, Double(now.usedBytesPerEntry))), old.usedBytesPerEntry)
  }

  private static let believed = 1.25

  /// What it says of the keys that so many entries come for each unit of work.
  private static func repeats(_ each: Double) -> String {
    if each > 0.8 { return ": its keys hardly ever come again, so it is hardly ever hit" }
    return each > 0.5 ? ": most of its keys do not come again, so it is hit by less than half of the work" : ""
  }

  /// How much of the growth is more entries, how much bigger ones, and how much room that no entry has yet.
  private func share(_ oldCount: UInt64, _ oldEach: UInt64, _ now: ContainerSummary) -> String {
    guard oldCount > 0, oldEach > 0 else { return "it was small or empty before" }
    let more = max(Double(now.entries) - Double(oldCount), 0) * Double(oldEach)
    let bigger = max(Double(now.usedBytesPerEntry) - Double(oldEach), 0) * Double(now.entries)
    let room = max(Double(now.emptyBytes) - Double(place.before?.emptyBytes ?? 0), 0)
    let whole = more + bigger + room
    guard whole > 0 else { return "neither more nor bigger entries" }
    if room > 0.9 * whole { return "room for more of them, not bigger ones" }
    let part = more / max(more + bigger, 1e-9)
    if room > 0.1 * whole {
      return
        "\(Share(fraction: more / whole)) of it more entries"
        + (bigger > 0.1 * whole ? ", \(Share(fraction: bigger / whole)) bigger ones" : "") + ", the rest empty room"
    }
    if part > 0.9 { return "more entries, not bigger ones" }
    if part < 0.1 { return "bigger entries, not more of them" }
    return "\(Share(fraction: part)) of it more entries, the rest bigger ones"
  }

  private var keys: [String] {
    guard let now = place.after, let type = now.keyType else { return [] }
    guard let keys = now.keys else { return ["keys are \(type)"] }
    var text = "keys are \(type); "
    text +=
      keys.distinct == keys.looked
      ? "all \(Say.count(keys.looked)) looked at are different"
      : "\(Say.count(keys.distinct)) of \(Say.count(keys.looked)) are different"
    if let low = keys.lowest, let high = keys.highest, high > low {
      // Of a range that is densely filled every key has been seen; of a sparse one most never come. Of very many keys a part was looked at.
      let part = now.entries > 0 ? min(Double(keys.looked) / Double(now.entries), 1) : 1
      let density = min(Double(keys.distinct) / max(part, 1e-9) / (Double(high) - Double(low) + 1), 1)
      text += density > 0.5 ? ", in a dense range" : " and use \(Share(fraction: density)) of their range"
    }
    if let length = keys.averageLength { text += ", \(Say.bytes(UInt64(max(length, 0)))) long" }
    return [text]
  }

  private var room: [String] {
    [place.after, place.contentContainer].compactMap { $0 }.compactMap { container in
      guard container.kind != .string, container.kind != .bytes, container.slots > container.entries,
        container.emptyBytes >= max(place.retained / 20, 65_536)
      else { return nil }
      let what =
        container.containers > 1
        ? "\(Say.count(container.containers)) \(container.kind == .array ? "arrays" : "hash tables") in it are"
        : "its storage is"
      return
        "\(what) \(Share(container.entries, of: container.slots)) full; empty room takes \(Say.bytes(container.emptyBytes))"
    }
  }

  private var copies: [String] {
    [place.contentContainer, place.after].compactMap { $0 }.flatMap { container -> [String] in
      guard let values = container.values, values.repeatedKeys > 0, values.equalBytes >= values.valueBytes / 2 else {
        return []
      }
      let differ =
        values.differingFields.isEmpty
        ? ""
        : "; only \(values.differingFields.joined(separator: ", ")) differ\(values.differingFields.count == 1 ? "s" : "")"
      var lines = [
        "its values are copies: under the same key \(values.equalBytes) of \(values.valueBytes) bytes are equal\(differ)"
      ]
      if let shape = Self.best(values, container) { lines.append(shape) }
      return lines
    }
  }

  /// The change that saves most, and sharing where that is another one.
  private static func best(_ values: ValueSummary, _ container: ContainerSummary) -> String? {
    guard let now = values.shapes.first(where: { $0.kind == .inline })?.bytesPerContainer else { return nil }
    func saving(_ kind: ValueSummary.Shape.Kind) -> UInt64? {
      values.shapes.first { $0.kind == kind && $0.bytesPerContainer < now }.map {
        (now - $0.bytesPerContainer).multipliedReportingOverflow(by: UInt64(clamping: container.containers))
          .partialValue
      }
    }
    var parts: [String] = []
    if let saved = saving(.shared) { parts.append("references to shared values would save \(Say.bytes(saved))") }
    if let saved = saving(.differenceOnly) { parts.append("keeping only what differs \(Say.bytes(saved))") }
    if parts.isEmpty, let saved = saving(.exactArray) {
      parts.append("an array of exact size would save \(Say.bytes(saved))")
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// Keys that nobody counts up and of which none was seen twice: what requests and sessions are called by.
  private var isKeyedByUse: Bool {
    guard let now = place.after, let keys = now.keys, keys.looked >= 100, keys.distinct == keys.looked else {
      return false
    }
    let type = now.keyType ?? ""
    return type.hasSuffix("UUID") || type == "String" && (keys.averageLength ?? 0) >= 16
  }

  var advice: [String] {
    let name = place.name
    var advice: [String] = []
    switch place.after?.kind {
    case .dictionary, .set:
      advice.append(
        "bound \(name): limit its entries or bytes and remove the least recently used, or give entries an age; first ask whether it pays at all: if its keys hardly ever come again, remove it"
      )
      if isKeyedByUse {
        advice.append(
          "where an entry belongs to one request or session, take it out of \(name) when that ends, on every path (`defer`)"
        )
      }
    case .array, .deque:
      advice.append("bound \(name): remove what is done with, or keep the newest only (a ring buffer)")
    default:
      advice.append("bound what \(name) keeps, or remove it when the work is done")
    }
    if !copies.isEmpty {
      advice.append("store references to shared, immutable values instead of copies; copy before changing one")
    }
    return advice
  }
}
