import Foundation
import Malloc
import ProcessImage
import TestSupport

/// A program that runs under the recorder: an image of it holds the truth about its heap at the same instant.
final class RecordedProgram {
  let program: RunningProgram
  private static let mark: [UInt64] = [0x7265_636f_7264_6572, 0x6d65_6d77_6879_0a00]

  /// The preloaded recorder.
  static func recorder() throws -> String {
    try TestProgram.path("recorder", .c(["-shared", "-fPIC", "-O2", "-fno-builtin"]))
  }

  /// - Parameters:
  ///   - bits: size of the recorder's table, as a power of two.
  ///   - isLinked: the program contains the recorder itself.
  init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], bits: Int = 18,
    isLinked: Bool = false,
    ready: String = "READY"
  ) throws {
    var environment = environment
    if !isLinked { environment["LD_PRELOAD"] = try Self.recorder() }
    environment["MEMWHY_RECORD_BITS"] = "\(bits)"
    program = try RunningProgram(path, arguments, environment: environment, ready: ready)
  }

  deinit { program.stop() }

  /// Live blocks by address with their usable sizes, and the thread pointers of threads by id.
  struct Truth {
    var blocks: [UInt64: UInt64] = [:]
    var threadPointers: [Int32: UInt64] = [:]
  }

  /// Freezes the program, or where that is refused stops it by a signal, and hands over image and truth of one instant.
  func snapshot<R>(_ body: (ProcessImage, Truth) throws -> R) throws -> R {
    let image: ProcessImage
    let frozen: FrozenProcess
    do {
      (image, frozen) = try ProcessImage.frozen(pid: program.pid)
    } catch {
      print("stopped by a signal instead of frozen: \(error)")
      return try whileStopped(body)
    }
    defer { frozen.release() }
    return try body(image, try Self.truth(in: image))
  }

  /// Stops the program by a signal, takes image and truth, runs `body`, lets it go on.
  func whileStopped<R>(_ body: (ProcessImage, Truth) throws -> R) throws -> R {
    let pid = program.pid
    kill(pid, SIGSTOP)
    defer { kill(pid, SIGCONT) }
    try waitUntilStopped(pid)
    var image = try ProcessImage.running(pid: pid)
    let truth = try Self.truth(in: image)
    // A stop by signal holds all threads; the thread pointers come from the recorder.
    image.source = .stopped
    for tid in try tasks(pid) {
      let (stack, instruction) = position(of: tid, pid: pid)
      image.threads.append(
        ThreadState(
          tid: tid, stackPointer: stack, instructionPointer: instruction,
          threadPointer: truth.threadPointers[tid] ?? 0))
    }
    return try body(image, truth)
  }

  private func tasks(_ pid: Int32) throws -> [Int32] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").compactMap { Int32($0) }.sorted()
  }

  private func waitUntilStopped(_ pid: Int32) throws {
    let deadline = Date().addingTimeInterval(10)
    while Date() < deadline {
      let states = try tasks(pid).map { tid -> Character in
        let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(tid)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: ")").last?.dropFirst().first ?? "?"
      }
      if states.allSatisfy({ $0 == "T" }) { return }
      usleep(1000)
    }
    throw TestFailure("process \(pid) did not stop")
  }

  /// Stack and instruction pointer, from the last two numbers of `/proc/PID/task/TID/syscall`.
  private func position(of tid: Int32, pid: Int32) -> (UInt64, UInt64) {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(tid)/syscall", encoding: .utf8)) ?? ""
    let numbers = text.split { $0 == " " || $0 == "\n" }.suffix(2).map { UInt64($0.dropFirst(2), radix: 16) ?? 0 }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
  }

  /// Reads the recorder's table out of the image's memory.
  private static func truth(in image: ProcessImage) throws -> Truth {
    for mapping in image.mappings where mapping.isAnonymous && mapping.isWritablePrivate {
      guard let header = try? image.memory.words(at: mapping.start, count: 4), Array(header[0..<2]) == mark else {
        continue
      }
      let slots = Int(header[2])
      let threads = Int(header[3])
      let words = try image.memory.words(at: mapping.start + 32, count: (slots + threads) * 2)
      var truth = Truth()
      for index in 0..<threads where words[index * 2] != 0 {
        truth.threadPointers[Int32(truncatingIfNeeded: words[index * 2])] = words[index * 2 + 1]
      }
      words.withUnsafeBufferPointer { words in
        for index in threads..<threads + slots where words[index * 2] > 1 {
          truth.blocks[words[index * 2]] = words[index * 2 + 1]
        }
      }
      return truth
    }
    throw TestFailure("the program has no recorder's table")
  }
}

/// How a walk differs from the truth.
struct Difference: CustomStringConvertible {
  var missing: [UInt64] = []
  var extra: [UInt64] = []
  var wrongSizes: [UInt64] = []

  init(_ walk: HeapWalk, _ truth: RecordedProgram.Truth) {
    let own = Set(walk.internalBlocks)
    for (address, usable) in truth.blocks {
      let index = walk.blocks.index(startingAt: address)
      if index < 0 {
        missing.append(address)
      } else if usable != 0 && walk.blocks.size(index) != usable {
        wrongSizes.append(address)
      }
    }
    for index in 0..<walk.blocks.count {
      let address = walk.blocks.address(index)
      if truth.blocks[address] == nil && !own.contains(address) { extra.append(address) }
    }
  }

  var isEmpty: Bool { missing.isEmpty && extra.isEmpty && wrongSizes.isEmpty }

  var description: String {
    func list(_ addresses: [UInt64]) -> String {
      "\(addresses.count) " + addresses.sorted().prefix(8).map { String($0, radix: 16) }.joined(separator: " ")
    }
    return "missing \(list(missing)); extra \(list(extra)); wrong size \(list(wrongSizes))"
  }
}
