import Malloc
import ProcessImage
import SwiftMetadata

/// What libdispatch keeps for a source and a timer, where a word alone does not tell.
///
/// Layouts: swiftlang/swift-corelibs-libdispatch src/source_internal.h, src/event/event_internal.h and src/queue_internal.h.
extension BlockScanner {
  /// Words of a source among which is the one that leads to its references.
  private static let sourceWords: UInt64 = 16
  /// `DISPATCH_CONTINUATION_SIZE` is 64.
  private static let continuationSizes: ClosedRange<UInt64> = 64...104
  /// `DC_FLAG_ALLOCATED`: the flags of a function that `dispatch_after_f` is to call.
  private static let calledOnce: UInt64 = 0x100
  /// `DISPATCH_NO_VOUCHER`.
  private static let noVoucher = UInt64.max
  private static let voucherWord: UInt64 = 24
  /// User addresses are below 2^47.
  private static let addressLimit: UInt64 = 1 << 47
  private static let contextWord: UInt64 = 40
  private static let dataWord: UInt64 = 48

  /// Reports what an event's references and a timer's continuation hold.
  ///
  /// References (`dispatch_unote_class_s`) know their source by the complement of its address, so that tools which look for leaks do not take it for
  /// one of two references that tie a ring. A source's own word leads back to them, which proves it.
  ///
  /// - Returns: whether nothing else in the block means something.
  mutating func scanTimer(
    _ block: Int, _ address: UInt64, _ size: UInt64, into sink: inout some ReferenceSink
  ) throws(MemoryError) -> Bool {
    guard size >= 48, size <= 512, try window.load(address..<address + size) else { return false }
    let complement = ~window.word(address + 8)
    if complement >= 0x1000, complement < Self.addressLimit, complement & 7 == 0 {
      let source = heap.blocks.index(startingAt: complement)
      if source >= 0, try refers(source, to: address) {
        sink.reference(from: block, offset: 8, to: source, .pointer)
        guard try window.load(address..<address + size) else { return false }
      }
    }
    guard Self.continuationSizes.contains(size), window.word(address) == Self.calledOnce,
      window.word(address + Self.voucherWord) == Self.noVoucher
    else { return false }
    let data = heap.blocks.index(startingAt: window.word(address + Self.dataWord))
    guard data >= 0, heap.type(data).name.hasPrefix("OS_dispatch_source") else { return false }
    // A continuation is used again and again: its links, and what else another call may have had, are history.
    try reportAmbiguous(block, Self.contextWord, window.word(address + Self.contextWord), &sink)
    sink.reference(from: block, offset: Self.dataWord, to: data, .pointer)
    return true
  }

  private func refers(_ block: Int, to address: UInt64) throws(MemoryError) -> Bool {
    let start = heap.blocks.address(block)
    let end = start + min(heap.blocks.size(block) & ~7, Self.sourceWords * 8)
    guard try sideWindow.load(start..<end) else { return false }
    return stride(from: start, to: end, by: 8).contains { sideWindow.word($0) == address }
  }

  /// A timer with a tolerance keeps {itself, job} in the job's own memory and knows that by its place in there
  /// (swiftlang/swift stdlib/public/Concurrency/DispatchGlobalExecutor.cpp, `__swift_job_source`).
  func reportJob(
    _ block: Int, _ offset: UInt64, _ word: UInt64, _ sink: inout some ReferenceSink
  ) throws(MemoryError) {
    guard word & 7 == 0, let (owner, job) = try pair(at: word), owner == heap.blocks.address(block),
      try resolver.isTask(job, taskPages)
    else { return }
    let target = heap.blocks.index(containing: job)
    if target >= 0 { sink.reference(from: block, offset: offset, to: target, .pointer) }
  }

  private func pair(at address: UInt64) throws(MemoryError) -> (UInt64, UInt64)? {
    do throws(MemoryError) {
      return (try taskPages.load(at: address), try taskPages.load(at: address &+ 8))
    } catch .targetGone {
      throw .targetGone
    } catch { return nil }
  }
}
