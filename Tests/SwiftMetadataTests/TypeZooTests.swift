import Foundation
import ProcessImage
import Symbols
import TestSupport
import Testing

@testable import SwiftMetadata

/// `Tests/Programs/typezoo` says where its objects are, what they are called and where their references lie; the decoder has
/// to find the same from outside, however the program was built.
@Suite(.serialized) struct TypeZooTests {
  struct Build: Sendable, CustomTestStringConvertible {
    var flags: [String]
    var isStripped = false
    var testDescription: String { flags.joined(separator: " ") + (isStripped ? " stripped" : "") }
  }

  static let builds = [
    Build(flags: ["-Onone"]), Build(flags: ["-O"]), Build(flags: ["-O"], isStripped: true),
    Build(flags: ["-O", "-static-stdlib"]), Build(flags: ["-O", "-static-stdlib"], isStripped: true),
  ]

  /// A running zoo and a decoder of it.
  final class Zoo {
    let program: RunningProgram
    let image: ProcessImage
    let symbols: ImageSymbols
    let decoder: MetadataDecoder
    let lines: [[Substring]]

    init(_ build: Build) throws {
      let path = try TestProgram.path(
        "typezoo", .swift(["-swift-version", "5", "-parse-as-library", "-module-name", "typezoo"] + build.flags),
        strip: build.isStripped)
      program = try RunningProgram(path)
      image = try ProcessImage.running(pid: program.pid)
      symbols = ImageSymbols(image)
      decoder = MetadataDecoder(image: image, symbols: symbols, omittingModule: "typezoo")
      lines = program.output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 4) }
    }

    func type(at address: UInt64) throws -> ObjectType? {
      // glibc's chunk header: size and three flag bits in front of the block.
      let header: UInt64 = try image.memory.load(at: address &- 8)
      return decoder.objectType(
        head: try image.memory.load(at: address), address: address, size: (header & ~7) &- 8)
    }

    func entries(_ kind: String) -> [(address: UInt64, rest: [String])] {
      lines.filter { $0.first.map(String.init) == kind }.map { line in
        (UInt64(line[1], radix: 16) ?? 0, line.dropFirst(2).map(String.init))
      }
    }
  }

  @Test(.timeLimit(.minutes(10)), arguments: builds)
  func namesAndReferences(_ build: Build) throws {
    let zoo = try Zoo(build)
    let objects = zoo.entries("OBJECT")
    #expect(objects.count == 15)
    for object in objects {
      let type = try #require(try zoo.type(at: object.address), "\(object.rest)")
      #expect(type.name == object.rest.joined(separator: " "))
      #expect(type.kind == .class)
    }
    let references = zoo.entries("SLOT")
    #expect(references.count == 24)
    for reference in references {
      let type = try #require(try zoo.type(at: reference.address))
      let offset = Int(reference.rest[0])
      let found = type.fixedSlots.filter { $0.offset == offset }.map { "\($0.strength) \($0.path)" }
      #expect(found == ["\(reference.rest[1]) \(reference.rest[2])"], "\(type.name)")
    }
    let named = zoo.entries("NAMED")
    #expect(named.count == 5)
    // A stripped program has lost what says it: the words count all the same.
    for reference in named {
      let type = try #require(try zoo.type(at: reference.address))
      let found = type.fixedSlots.filter { $0.offset == Int(reference.rest[0]) }
      #expect(found.map(\.strength) == [build.isStripped ? .ambiguous : .strong], "\(type.name)")
      if !build.isStripped { #expect(found.first?.path == reference.rest[2], "\(type.name)") }
    }
    for count in zoo.entries("SLOTS") {
      let type = try #require(try zoo.type(at: count.address))
      let certain = type.fixedSlots.filter { $0.strength != .ambiguous }
      #expect(certain.count == Int(count.rest[0]), "\(type.name): \(describe(certain))")
    }
  }

  @Test(.timeLimit(.minutes(10)), arguments: builds)
  func blocksWithoutAClass(_ build: Build) throws {
    let zoo = try Zoo(build)
    let blocks = zoo.entries("BLOCK")
    #expect(blocks.count == 9)
    for block in blocks {
      let type = try #require(try zoo.type(at: block.address), "\(block.rest)")
      #expect(type.kind.rawValue == block.rest[0])
      #expect(type.name.contains(block.rest.dropFirst().joined(separator: " ")), "\(type.name)")
    }
  }

  @Test(.timeLimit(.minutes(10)), arguments: builds)
  func tasks(_ build: Build) throws {
    let zoo = try Zoo(build)
    var infos: [String: TaskInfo] = [:]
    for task in zoo.entries("TASK") {
      #expect(try zoo.type(at: task.address)?.kind == .task)
      let info = try #require(zoo.decoder.taskInfo(at: task.address))
      infos[task.rest[0]] = info
      if info.firstSlab != 0 {
        #expect(try zoo.type(at: info.firstSlab)?.kind == .taskSlab)
      }
    }
    let suspended = try #require(infos["continuation"])
    #expect(suspended.isSuspended && !suspended.isCancelled)
    if case .continuation = suspended.dependency {} else { Issue.record("\(suspended)") }
    let waiting = try #require(infos["task"])
    #expect(waiting.isSuspended)
    #expect(waiting.dependency == .task(suspended.address))
    let grouped = try #require(infos["group"])
    #expect(grouped.isSuspended)
    if case .taskGroup = grouped.dependency {} else { Issue.record("\(grouped)") }
    #expect(infos["done"]?.isComplete == true)
    #expect(infos["running"]?.isRunning == true)
    #expect(infos["running"]?.isSuspended == false)
    #expect(infos["cancelled"]?.isCancelled == true)
    // The functions that the task waits in, innermost first.
    guard !build.isStripped else { return }
    let names = suspended.returnAddresses.compactMap { zoo.symbols.symbol(at: $0)?.mangledName }
    let inner = names.firstIndex { $0.contains("waitForContinuation") }
    let outer = names.firstIndex { $0.contains("outerWait") }
    #expect(inner != nil && outer != nil && inner! < outer!, "\(names)")
  }
}

extension TaskInfo {
  /// Only who resumes it can go on with it.
  fileprivate var isSuspended: Bool { !isEnqueued && !isRunning && !isComplete }
}
