import Foundation
import ProcessImage
import Symbols
import Synchronization
import Testing

@testable import SwiftMetadata

/// Metadata memory is taken from a running process, broken at random, and decoded: never a trap, never without end.
@Suite struct HostileMetadataTests {
  private final class Plain {
    var text = ""
    var pair: (Int, [String])? = nil
  }
  private class Node<T> {
    var next: Node<T>?
    var value: T
    var call: (Int) -> T?
    init(_ value: T) {
      self.value = value
      call = { _ in nil }
    }
  }
  private final class Leaf: Node<[String: Plain]> {
    weak var other: Plain?
    var error: (any Error)?
    var result: Result<Plain, CancellationError> = .success(Plain())
  }

  /// Remembers the pages that were read.
  private final class Recorder: MemoryReader {
    let base: any MemoryReader
    let pages = Mutex<[UInt64: [UInt8]]>([:])
    init(_ base: any MemoryReader) { self.base = base }
    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      try base.read(address, into: buffer)
      for page in (address >> 12)...((address &+ UInt64(max(1, buffer.count)) &- 1) >> 12) {
        if pages.withLock({ $0[page] }) != nil { continue }
        if let bytes = try? base.bytes(at: page << 12, count: 4096) { pages.withLock { $0[page] = bytes } }
      }
    }
  }

  private struct Pages: MemoryReader {
    var pages: [UInt64: [UInt8]]
    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      for index in 0..<buffer.count {
        let position = address &+ UInt64(index)
        guard let page = pages[position >> 12] else { throw .unreadable(address: address, count: buffer.count) }
        buffer[index] = page[Int(position & 4095)]
      }
    }
  }

  @Test(.timeLimit(.minutes(10))) func brokenMetadataNeverTraps() throws {
    let image = try ProcessImage.running(pid: getpid())
    let recorder = Recorder(image.memory)
    var recorded = image
    recorded.memory = recorder
    let objects: [AnyObject] = [Plain(), Leaf([:]), Node(1), Node<(any Error)?>(nil)]
    let error: any Error = MetadataTestError(plain: Plain())
    let counter = Counter()
    var blocks = objects.map { OwnProcess.address($0) }
    blocks.append(UInt64(UInt(bitPattern: unsafeBitCast(error, to: Int.self))))
    blocks.append(UInt64(counter.context()))
    let decoder = MetadataDecoder(image: recorded, symbols: NoSymbols())
    var heads: [(head: UInt64, address: UInt64, size: UInt64)] = []
    for address in blocks {
      let head: UInt64 = try recorder.load(at: address)
      heads.append((head, address, 64))
      _ = try recorder.bytes(at: address, count: 64)
      _ = decoder.instanceSize(head: head)
      _ = decoder.objectType(head: head, address: address, size: 64)
      _ = decoder.taskInfo(at: address)
    }
    #expect(heads.filter { decoder.instanceSize(head: $0.head) != nil }.count >= objects.count)
    let pages = recorder.pages.withLock { $0 }
    let numbers = pages.keys.sorted()
    var random = SplitMix(seed: 0x5eed_0002)
    let deadline = ContinuousClock.now + .seconds(12)
    var rounds = 0
    while ContinuousClock.now < deadline && rounds < 1_500 {
      rounds += 1
      var broken = pages
      for _ in 0..<(1 + random.below(40)) { Self.breakOnePlace(&broken, numbers, heads.map(\.head), &random) }
      var hostile = image
      hostile.memory = Pages(pages: broken)
      let decoder = MetadataDecoder(image: hostile, symbols: NoSymbols())
      for block in heads {
        if let type = decoder.objectType(head: block.head, address: block.address, size: block.size) {
          #expect(!type.name.isEmpty && type.name.count < 5_000)
          if case .fixed(let size, let slots) = type.layout {
            #expect(slots.allSatisfy { $0.offset >= 0 && $0.offset + 8 <= size })
          }
        }
        _ = decoder.ask { decoder.name(ofMetadata: block.head, depth: 0) }
        _ = decoder.ask { decoder.layout(ofMetadata: block.head, depth: 0) }
        _ = decoder.taskInfo(at: block.address)
      }
    }
    #expect(rounds > 20)
    withExtendedLifetime((objects, error, counter)) {}
  }

  private static func breakOnePlace(
    _ pages: inout [UInt64: [UInt8]], _ numbers: [UInt64], _ heads: [UInt64], _ random: inout SplitMix
  ) {
    // Mostly close to metadata, where it hurts.
    let number =
      random.below(2) == 0 ? numbers[random.below(numbers.count)] : heads[random.below(heads.count)] >> 12
    guard pages[number] != nil else { return }
    let offset =
      random.below(2) == 0
      ? random.below(512) * 8 : Int(heads[random.below(heads.count)] & 4095 & ~7)
    let value: UInt64 =
      switch random.below(6) {
      case 0: random.next()
      case 1: .max
      case 2: heads[random.below(heads.count)]
      case 3: UInt64(random.below(0x600))
      case 4: 0x7fff_ffff_ffff_fff8
      default: 0xffff_ffff
      }
    let place = min(offset + random.below(8) * 8, 4088)
    for index in 0..<(random.below(2) == 0 ? 8 : 4) {
      pages[number]?[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  /// A descriptor that is its own parent, a class that is its own superclass, counts without bound.
  @Test func cyclesAndAbsurdCountsEnd() {
    var memory = ByteMemory()
    memory.add([UInt8](repeating: 0, count: 4096), at: 0x10000)
    func decoder() -> MetadataDecoder {
      MetadataDecoder(
        image: ProcessImage(
          source: .bytes, pid: nil, name: "bytes", mappings: [], modules: [], threads: [], memory: memory,
          files: NoModuleFiles()), symbols: NoSymbols())
    }
    let metadata: UInt64 = 0x10100
    let descriptor: UInt64 = 0x10400
    memory.store(UInt64(0x10080), at: metadata - 8)
    memory.store(metadata, at: metadata + 8)
    memory.store(UInt32(64), at: metadata + 24)
    memory.store(UInt16(7), at: metadata + 28)
    memory.store(descriptor, at: metadata + 40)
    memory.store(UInt32(0x90), at: descriptor)
    // Relative to its own field: parent is the descriptor itself.
    memory.store(Int32(-4), at: descriptor + 4)
    memory.store(Int32(0x100 - 8), at: descriptor + 8)
    memory.store(Array("Cyclic\0".utf8), at: descriptor + 0x100)
    #expect(decoder().objectType(head: metadata, address: 0x10800, size: 64) == nil)
    // A module above it, but endless superclasses.
    let module: UInt64 = 0x10600
    memory.store(Int32(0x200 - 4), at: descriptor + 4)
    memory.store(UInt32(0), at: module)
    memory.store(Int32(0x10 - 8), at: module + 8)
    memory.store(Array("m\0".utf8), at: module + 0x10)
    #expect(decoder().objectType(head: metadata, address: 0x10800, size: 64) == nil)
    // No superclass: it is a class, though its 65,535 generic parameters are not believed.
    memory.store(UInt64(0), at: metadata + 8)
    memory.store(UInt64.max, at: descriptor + 52)
    #expect(decoder().objectType(head: metadata, address: 0x10800, size: 64)?.name == "m.Cyclic")
    // Four thousand million fields.
    memory.store(Int32(0x300 - 16), at: descriptor + 16)
    memory.store(UInt16(12), at: descriptor + 0x300 + 10)
    memory.store(UInt32.max, at: descriptor + 0x300 + 12)
    #expect(decoder().objectType(head: metadata, address: 0x10800, size: 64)?.layout == .conservative)
  }
}

private struct MetadataTestError: Error {
  nonisolated(unsafe) var plain: AnyObject
}

private final class Counter {
  private struct Function { var call: () -> Int }
  private var function = Function(call: { 1 })
  func context() -> UInt {
    var count = 0
    let text = String(count)
    function = Function(call: {
      count += text.count
      return count
    })
    return unsafeBitCast(function, to: (UInt, UInt).self).1
  }
}
