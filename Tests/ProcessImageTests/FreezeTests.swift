import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ProcessImage

/// The program `sequence`, running.
struct SequenceProgram {
  let program: RunningProgram
  let heap, size, stride, untouched: UInt64
  let counters: Int
  var pid: Int32 { program.pid }

  init(
    mebibytes: Int = 64, threads: Int = 4, mode: String = "writing",
    command: (String, [String]) -> (String, [String]) = { ($0, $1) }
  ) throws {
    let path = try TestProgram.path("sequence.c", .c(["-O1", "-pthread"]))
    let (tool, arguments) = command(path, ["\(mebibytes)", "\(threads)", mode])
    let program = try RunningProgram(tool, arguments)
    func value(_ key: String, radix: Int = 10) throws -> UInt64 {
      for word in program.output.split(whereSeparator: \.isWhitespace) where word.hasPrefix(key + "=") {
        let text = word.dropFirst(key.count + 1)
        if let value = UInt64(radix == 16 ? text.dropFirst(2) : text, radix: radix) { return value }
      }
      throw TestFailure("no \(key) in \(program.output)")
    }
    self.program = program
    heap = try value("heap", radix: 16)
    untouched = try value("untouched", radix: 16)
    size = try value("size")
    stride = try value("stride")
    counters = Int(try value("counters"))
  }

  /// Counters in the order in which they are written; torn where a later one is larger than an earlier one.
  func isConsistent(_ memory: some MemoryReader) throws -> Bool {
    var values: [UInt64] = []
    for index in 0..<counters { values.append(try memory.load(UInt64.self, at: heap + UInt64(index) * stride + 64)) }
    guard let first = values.first, let last = values.last else { return false }
    return zip(values, values.dropFirst()).allSatisfy { $0 >= $1 } && first - last <= 1
  }
}

@Suite(.serialized) struct FreezeTests {
  @Test func copyIsOneInstant() throws {
    let target = try SequenceProgram()
    for _ in 0..<20 {
      let frozen = try FrozenProcess.freeze(target.pid)
      #expect(try target.isConsistent(frozen.memory))
      #expect(frozen.threads.count == 6)
      #expect(frozen.report.measuredPause > 0)
      print("pause", frozen.report.measuredPause / 1000, "us, predicted", frozen.report.predictedPause / 1000)
      #expect(frozen.release() == [])
      #expect(children(of: target.pid).isEmpty)
    }
    #expect(target.program.isRunning)
  }

  /// On a machine that is too busy the kernel makes the copy after memwhy has given it up: it ends by itself, and goes with the one that was used.
  @Test func copyThatCameLateIsRemovedAsWell() throws {
    let target = try SequenceProgram()
    let isFirst = Mutex(true)
    var options = FreezeOptions()
    options.phaseHook = { phase in
      // Longer than the call may take.
      if phase == .masked, isFirst.withLock({ $0 }) {
        isFirst.withLock { $0 = false }
        usleep(600_000)
      }
    }
    var frozen = try FrozenProcess.freeze(target.pid, options: options)
    // Where this thread was held up between the call and its look, the copy was there in time.
    for _ in 0..<50 where frozen.report.retries == 0 {
      frozen.release()
      isFirst.withLock { $0 = true }
      frozen = try FrozenProcess.freeze(target.pid, options: options)
    }
    #expect(frozen.report.retries > 0)
    #expect(eventually(within: 20) { children(of: target.pid).count >= 2 })
    #expect(eventually(within: 20) { !Reaper.zombies(of: target.pid).isEmpty })
    #expect(frozen.release() == [])
    #expect(children(of: target.pid).isEmpty)
    #expect(target.program.isRunning)
  }
}

extension FreezeTests {
  @Test func imageHasModulesThreadsAndZeros() throws {
    let target = try SequenceProgram(mebibytes: 32, mode: "quiet")
    let (image, frozen) = try ProcessImage.frozen(pid: target.pid)
    defer { frozen.release() }
    #expect(image.modules.contains { $0.path.contains("/libc.so") })
    #expect(image.threads.allSatisfy { $0.registers.count == 27 && $0.vectorState.count >= 576 })
    #expect(image.threads.contains { $0.tid == target.pid && $0.stackPointer != 0 && $0.threadPointer != 0 })
    // Touched pages, a never touched range, and a range that crosses from one to the other.
    #expect(try image.memory.load(UInt64.self, at: target.heap + 4096) == 4096 ^ 0x5a5a_5a5a)
    #expect(try image.memory.bytes(at: target.untouched, count: 1 << 20).allSatisfy { $0 == 0 })
    let edge = try #require(zip(image.mappings, image.mappings.dropFirst()).first { $0.end < $1.start }).0.end
    #expect(throws: MemoryError.unreadable(address: edge - 1, count: 2)) {
      try image.memory.bytes(at: edge - 1, count: 2)
    }
    #expect(frozen.release() == [])
    #expect(throws: MemoryError.targetGone) { try image.memory.load(UInt64.self, at: target.heap) }
  }

  /// All threads sleep: their restart blocks must survive, so that none of them wakes early, late or with EINTR.
  @Test func sleepingThreadsGoOnSleeping() throws {
    let path = try TestProgram.path("sleeper.c", .c(["-O1"]))
    let program = try RunningProgram(path, ["1500"])
    for _ in 0..<8 {
      let frozen = try FrozenProcess.freeze(program.pid)
      #expect(frozen.release() == [])
      usleep(20_000)
    }
    let deadline = Date().addingTimeInterval(10)
    while !program.output.contains("SLEPT"), Date() < deadline { usleep(10_000) }
    // result errno milliseconds
    let words = program.output.split(whereSeparator: \.isWhitespace)
    let index = try #require(words.firstIndex(of: "SLEPT"))
    #expect(words[index + 1] == "0")
    let milliseconds = try #require(Int(words[index + 3]))
    #expect(milliseconds >= 1500 && milliseconds < 2300, "slept \(milliseconds) ms of 1500")
  }

  @Test func refusalsNameTheReason() throws {
    #expect(throws: FreezeError.target(.noSuchProcess(pid: 0x3fff_fff0))) { try FrozenProcess.freeze(0x3fff_fff0) }
    // kthreadd, where it can be seen.
    if Procfs.name(of: 2) == "kthreadd" {
      #expect(throws: FreezeError.target(.kernelThread(pid: 2, name: "kthreadd"))) { try FrozenProcess.freeze(2) }
    } else {
      print("skipped: no kernel threads in this pid namespace")
    }
  }
}

extension FreezeTests {
  @Test func stoppedCopyIsOneInstant() throws {
    let target = try SequenceProgram(mebibytes: 48)
    for _ in 0..<5 {
      let image = try ProcessImage.stopped(pid: target.pid)
      #expect(try target.isConsistent(image.memory))
      #expect(image.threads.count == 6)
      #expect(try image.memory.load(UInt64.self, at: target.heap + 8192) == 8192 ^ 0x5a5a_5a5a)
      #expect(try image.memory.bytes(at: target.untouched, count: 1 << 20).allSatisfy { $0 == 0 })
      #expect(image.modules.contains { $0.path.contains("/libc.so") })
      print(
        "stopped for", (image.freeze?.measuredPause ?? 0) / 1000, "us, predicted",
        (image.freeze?.predictedPause ?? 0) / 1000)
    }
    #expect(children(of: target.pid).isEmpty)
  }

  @Test func stoppedCopyRefusesPastItsLimit() throws {
    let target = try SequenceProgram(mebibytes: 48)
    var options = FreezeOptions()
    options.copyLimit = 16 << 20
    do throws(FreezeError) {
      _ = try StoppedProcess.stop(target.pid, options: options)
      Issue.record("no refusal")
    } catch {
      guard case .copyLimit(target.pid, let needed, 16_777_216) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(needed >= 48 << 20)
    }
    #expect(target.program.isRunning)
  }
}
