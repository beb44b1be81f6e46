// A program that knows what its containers hold: those of swift-collections, SwiftNIO and Foundation, and streams without a consumer.
// Prints what it built as `name number`, then READY, then waits.
//
// usage: containers N view|copied   In `copied` each slice is a copy of what it shows.
//        containers N cached        What a LocalCache counts for containers beside what malloc gave for them; ends by itself.
import DequeModule
import FoundationEssentials
import Glibc
import HashTreeCollections
import NIOCore
import OrderedCollections

final class Job {
  let number: Int
  let note: String
  init(_ number: Int) {
    self.number = number
    note = "a note on job number \(number), too long to be inline"
  }
}

struct Reading: Sendable {
  var sensor: Int64
  var value: Double
}

nonisolated(unsafe) var queue = Deque<Job>()
nonisolated(unsafe) var ordered = OrderedDictionary<String, Job>()
nonisolated(unsafe) var orderedIDs = OrderedSet<Int>()
nonisolated(unsafe) var tree = TreeDictionary<Int, Job>()
nonisolated(unsafe) var names = TreeSet<String>()
nonisolated(unsafe) var packets: [ByteBuffer] = []
nonisolated(unsafe) var headers: [ByteBuffer] = []
nonisolated(unsafe) var blobs: [Data] = []
nonisolated(unsafe) var stream: AsyncStream<Reading>?
nonisolated(unsafe) var feed: AsyncStream<Reading>.Continuation?
nonisolated(unsafe) var failing: AsyncThrowingStream<Reading, any Error>?

@main struct Main {
  static func main() async {
    let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200
    guard CommandLine.arguments.last != "cached" else { return cacheContainers(count) }
    let isCopied = CommandLine.arguments.last == "copied"
    for number in 0..<count { queue.append(Job(number)) }
    for _ in 0..<count / 4 { queue.removeFirst() }
    for number in 0..<count { ordered["the key of entry number \(number)"] = Job(number) }
    for number in 0..<count { orderedIDs.append(number * 3) }
    for number in 0..<count {
      tree[number] = Job(number)
      names.insert("the name of entry number \(number)")
    }
    for number in 0..<count / 4 { tree[number] = nil }
    for number in 0..<count {
      var packet = ByteBufferAllocator().buffer(capacity: 4096)
      packet.writeRepeatingByte(UInt8(truncatingIfNeeded: number), count: 100)
      packets.append(isCopied ? ByteBuffer(bytes: packet.readableBytesView) : packet)
    }
    for _ in 0..<count {
      var message = ByteBufferAllocator().buffer(capacity: 8192)
      message.writeRepeatingByte(7, count: 8000)
      guard let header = message.getSlice(at: 0, length: 20) else { continue }
      headers.append(isCopied ? ByteBuffer(bytes: header.readableBytesView) : header)
    }
    // Whole: nothing to be had.
    for number in 0..<count { blobs.append(Data(Array(repeating: UInt8(truncatingIfNeeded: number), count: 1000))) }
    let (readings, continuation) = AsyncStream.makeStream(of: Reading.self)
    for number in 0..<count * 10 { continuation.yield(Reading(sensor: Int64(number), value: 0.5)) }
    (stream, feed) = (readings, continuation)
    failing = AsyncThrowingStream { continuation in
      for number in 0..<count { continuation.yield(Reading(sensor: Int64(number), value: 1)) }
    }
    print("live \(liveBytes())")
    print("READY")
    fflush(nil)
    while true { try? await Task.sleep(for: .seconds(3600)) }
  }
}
