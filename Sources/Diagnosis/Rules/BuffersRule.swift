import Measurement

/// Buffers between a producer and a consumer that do not drain: an AsyncStream without a reader, a channel whose peer is slow.
struct BuffersRule: Rule {
  /// Types whose storage is a buffer between two parties: the standard library's, swift-async-algorithms', NIO's.
  private static let buffers: [(type: String, name: String)] = [
    // `…BufferStorage` and `…BufferStateMachine`, of what they buffer, which may be a channel.
    ("UnboundedBuffer", "a buffered AsyncSequence"), ("BoundedBuffer", "a buffered AsyncSequence"),
    ("AsyncStream", "an AsyncStream"), ("AsyncThrowingStream", "an AsyncThrowingStream"),
    ("AsyncChannel", "an AsyncChannel"), ("AsyncBufferSequence", "a buffered AsyncSequence"),
    ("NIOThrowingAsyncSequenceProducer", "an NIOAsyncSequenceProducer"),
    ("NIOAsyncSequenceProducer", "an NIOAsyncSequenceProducer"), ("NIOAsyncWriter", "an NIOAsyncWriter"),
    ("PendingStreamWritesManager", "writes that wait for the peer"),
    ("PendingWritesManager", "writes that wait for the peer"),
  ]

  /// Buffers of a channel, whose consumer is another machine: there is no stream to bound.
  private static let writes = "WritesManager"
  private static let forWrites = [
    "stop writing while `channel.isWritable` is false (`channelWritabilityChanged` says when), or await what `writeAndFlush` returns before the next write",
    "close connections whose peer does not read: a time-out for writes (`IdleStateHandler(writeTimeout:)`), or a bound on what waits for one of them",
  ]
  private static let forStreams = [
    "give the stream a bound (`bufferingPolicy: .bufferingNewest(n)`), or a producer that waits for its consumer",
    "finish the stream, and stop its producer in onTermination, when the consumer goes: one that was cancelled or never came reads nothing",
  ]

  /// `buffer(policy:)` of swift-async-algorithms.
  private static let forSequences = [
    "give the buffer a bound: `.buffer(policy: .bounded(n))` makes the source wait for its consumer, `.bufferingLatest(n)` and `.bufferingOldest(n)` drop elements",
    "make the consumer quicker, or let several take elements",
  ]

  private static func advice(_ type: String) -> [String] {
    if type.hasSuffix(writes) { return forWrites }
    return type.hasSuffix("Buffer") || type == "AsyncBufferSequence" ? forSequences : forStreams
  }

  static func isBuffer(_ place: GrowingPlace) -> Bool { buffer(place) != nil }

  private static func buffer(_ place: GrowingPlace) -> (type: String, name: String)? {
    // What a consumer keeps while it waits for the stream does not lie in the stream.
    let types = place.types + [place.content ?? ""]
    let own = types.lastIndex { $0.hasPrefix("task") }.map { types[($0 + 1)...] } ?? types[...]
    return own.lazy.compactMap(buffer(named:)).first
      // Of elements that several buffers have: the buffers' own field, not what they are a parameter of.
      ?? place.owner.flatMap { owner in buffer(named: String(owner.prefix { $0 != "<" })) }
  }

  private static func buffer(named type: String) -> (type: String, name: String)? {
    buffers.first { type.hasPrefix($0.type) || type.contains(".\($0.type)") || type.contains("<\($0.type)") }
  }

  /// The field that has the stream, to fill or to read it, else the variable, without the stream's own insides.
  private static func holder(_ place: GrowingPlace, _ evidence: Evidence) -> String {
    guard let step = place.types.firstIndex(where: { type in buffers.contains { type.contains($0.type) } }) else {
      return place.name
    }
    // Below a variable the fields on the way say it.
    if place.rootKind != .global, place.rootKind != .native {
      let path = Array(place.path.prefix(step + 1))
      let known = evidence.heaps.last?.holders?.first { $0.path == path }?.owner
      if let owner = known.map(withoutInside), buffer(named: String(owner.prefix { $0 != "<" })) == nil {
        return (place.variable.map { $0 + " -> " } ?? "") + owner
      }
    }
    let name = GrowingPlace.title(Array(place.path.prefix(max(step, 1) + 1)), place.rootKind, nil, place.heldBy)
    return withoutInside(name)
  }

  /// The stream's own field says nothing.
  private static func withoutInside(_ name: String) -> String {
    name.replacing(".storage", with: "").replacing(".context", with: "")
  }

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth else { return [] }
    return growth.places.compactMap { place in
      guard place.growth >= 65_536, let buffer = buffer(place) else { return nil }
      if let content = place.content, place.contentGrowth > 1, Self.buffer(named: content) != nil {
        return streams(place, buffer.name, growth, evidence)
      }
      var lines = [
        "the buffer of \(buffer.name), held by \(holder(place, evidence)), keeps \(Say.bytes(place.growth)) more than at the first snapshot, \(Say.rate(Double(place.growth), hours: growth.hours))"
      ]
      if let content = place.content, place.contentGrowth > 0, waits(content) {
        // Consumers wait in it for elements, and no elements for a consumer.
        return streams(place, buffer.name, growth, evidence)
      }
      if let now = place.after, CollectionPattern.entries(place) > 0 {
        lines.append(
          "\(Say.count(place.before?.entries ?? 0)) -> \(Say.count(now.entries)) elements wait in it, \(Say.bytes(now.usedBytesPerEntry)) each"
        )
      } else if let content = place.content, place.contentGrowth > 0 {
        lines.append("\(Say.count(place.contentGrowth)) more \(content) wait in it")
      }
      return Finding(
        .buffers, title: "\(holder(place, evidence)), the buffer of \(buffer.name)", site: place.name,
        confidence: evidence.confidence(of: place), growth: place.growth, holds: place.retained,
        evidence: lines,
        advice: advice(buffer.type),
        overturnedBy: "the consumer catches up: the buffer is empty at another moment")
    }
  }

  /// Continuations of those who wait for the next element (`_Storage.State.continuations`, an array in each stream that has several or had one).
  private static func waits(_ content: String) -> Bool { content.hasPrefix("[UnsafeContinuation<") }

  /// Not a fuller buffer, but more of them: streams that nobody ends.
  private static func streams(
    _ place: GrowingPlace, _ name: String, _ growth: HeapGrowth, _ evidence: Evidence
  ) -> Finding {
    let count = Say.count(place.contentGrowth)
    return Finding(
      .buffers, title: "\(place.name), \(count) more streams", site: place.name,
      confidence: evidence.confidence(of: place), growth: place.growth, holds: place.retained,
      evidence: [
        "\(place.name) keeps \(count) more buffers of \(name), \(Say.bytes(place.growth / place.contentGrowth)) each with \(place.content.map(waits) == true ? "those who wait for their elements" : "what waits in them"): \(Say.bytes(place.growth)) more than at the first snapshot, \(Say.rate(Double(place.growth), hours: growth.hours))"
      ],
      advice: [
        "end each stream: call `finish()` when what it reports on is over, and take its continuation out of \(place.name) then and in `onTermination`, which runs when its consumer is cancelled"
      ], overturnedBy: "as many streams end as begin: then their number stays")
  }
}
