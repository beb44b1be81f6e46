import HeapGraph
import Measurement

/// Room in containers that nothing uses: empty buckets of hash tables, spare capacity of arrays.
struct CapacityRule: Rule {
  private static let negligible: UInt64 = 8 << 20

  static func findings(_ evidence: Evidence) -> [Finding] {
    room(evidence) + views(evidence)
  }

  private static func room(_ evidence: Evidence) -> [Finding] {
    guard let heap = evidence.heaps.last, let waste = heap.waste, waste.spareBytes >= negligible,
      Double(waste.spareBytes) >= 0.1 * Double(waste.reachableBytes), let first = waste.spare.first
    else { return [] }
    let caches = BoundedCaches(heap)
    let inCaches = min(
      caches?.refilled(waste.spare.map { ($0.type, $0.containers, $0.emptyBytes) }) ?? 0, waste.spareBytes)
    let isMuch = Double(waste.spareBytes - inCaches) >= 0.3 * Double(waste.reachableBytes)
    return [
      Finding(
        .capacity, title: "unused room in \(first.type)", site: first.type,
        confidence: isMuch ? .likely : .possible, holds: waste.spareBytes - inCaches,
        evidence: [
          "\(Say.bytes(waste.spareBytes)) of \(Say.bytes(waste.reachableBytes)) in use are empty buckets and spare capacity"
        ]
          + waste.spare.prefix(3).map {
            "\(Say.count($0.containers)) \($0.type): \(Say.count($0.entries)) entries in room for \(Say.count($0.slots)), \(Say.bytes($0.emptyBytes)) empty"
          } + BoundedCaches.note(inCaches, caches),
        advice: (isDictionary(first.type) ? [forDictionaries] : []) + [
          "reserve what is needed and no more; `removeAll(keepingCapacity: false)`, or build a new container from what is left, gives room back"
        ], overturnedBy: "the containers fill up again under load")
    ]
  }

  private static let forDictionaries =
    "a Dictionary keeps a large value in every bucket, used or not: store values beyond some 64 bytes as references, or small maps as an array of pairs"

  /// `[Int : Page] storage`, and not `[[Int : Page]] storage`. O(length).
  static func isDictionary(_ type: String) -> Bool {
    guard type.hasPrefix("[") else { return false }
    var depth = 0
    for character in type {
      switch character {
      case "[", "(", "<": depth += 1
      case "]", ")", ">": depth -= 1
      case ":" where depth == 1: return true
      default: break
      }
    }
    return false
  }

  /// A buffer that grows keeps the size of the largest that it ever had to take.
  private static let forBuffers =
    "give a buffer that is kept to be used again back after a large message: `clear(minimumCapacity:)`, or a new one"

  private static func advice(_ views: ArraySlice<PinnedBuffers>, _ heap: HeapFacts) -> [String] {
    // What a library keeps in its own objects cannot be copied by those who use it.
    let library = views.first.flatMap { heap.library(of: $0.place) }.map { module in
      "where \(module) is a library, these buffers are its own, some for each of its objects that is kept: close those that nobody uses, or set a smaller size where \(module) has one for it"
    }
    let buffers = views.contains { $0.kind == .byteBuffer || $0.kind == .data }
    return (library.map { [$0] } ?? []) + [CollectionPattern.copyOut] + (buffers ? [forBuffers] : [])
  }

  /// Small views that keep the large buffers they were cut from.
  private static func views(_ evidence: Evidence) -> [Finding] {
    guard let heap = evidence.heaps.last, let waste = heap.waste, waste.pinnedBytes >= negligible,
      Double(waste.pinnedBytes) >= 0.1 * Double(waste.reachableBytes), let first = waste.pinned.first
    else { return [] }
    return [
      Finding(
        .capacity, title: "small views of large buffers in \(first.place)",
        site: first.root.isEmpty ? first.place : first.root,
        confidence: Double(waste.pinnedBytes) >= 0.3 * Double(waste.reachableBytes) ? .likely : .possible,
        holds: waste.pinnedBytes,
        evidence: waste.pinned.prefix(3).map {
          "\(Say.count($0.views)) views in \($0.place) show \(Say.bytes($0.shownBytes)) and keep \(Say.bytes($0.pinnedBytes)): copies would save \(Say.bytes($0.savedBytes))"
        },
        advice: advice(waste.pinned.prefix(3), heap), overturnedBy: "the views are gone at another moment")
    ]
  }
}
