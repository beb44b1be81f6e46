import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// From an image to an analysis: walks the heap, decodes types, marks, groups.
public enum HeapInspection {
  /// What a long inspection is busy with.
  public enum Phase: String, Sendable, Hashable {
    case walking = "walking the heap"
    case typing = "typing blocks"
    case roots = "looking for roots"
    case marking = "following references"
    case grouping = "grouping leaks"
    case holders = "finding who holds what"
  }

  /// Runs the whole analysis.
  ///
  /// - Parameters:
  ///   - symbols: names for tasks' functions and native blocks; a stripped target loses names, nothing else.
  ///   - options: where its room is short, less is found than is asked for.
  ///   - progress: called now and then with the phase and the share of it that is done, 0...1.
  /// - Throws: `MemoryError.targetGone` when the image went away, `MallocError` when the heap contradicts itself,
  ///   `HoldersError.notMarked` where there is no room for what was asked for, and nothing less will do.
  public static func run(
    _ image: ProcessImage, symbols: any SymbolSource, options: HeapAnalysis.Options = .init(),
    progress: (@Sendable (Phase, Double) -> Void)? = nil
  ) throws -> HeapAnalysis {
    progress?(.walking, 0)
    let details = Details(image: image, symbols: symbols)
    let scanned = ScannedObjects(decoder: details.decoder, memory: PagedMemory(image.memory, pageCount: 256))
    if let room = options.room, !room.isAmple(for: image, holders: options.keepsReferences) {
      let (large, extents) = try HeapSurvey.largeBlocks(image, objectSize: scanned.size) { progress?(.walking, $0) }
      let canPack = options.findsLeaks && image.isConsistent
      let extent = room.extent(extents, holders: options.keepsReferences, canPack: canPack)
      if extent != .whole {
        if options.keepsReferences && !options.takesSample {
          throw HoldersError.notMarked(
            room.shortage(blocks: extents.count, holders: true)
              + (extent == .packed ? ". There is room for `memwhy retained`, which follows a sample" : ""))
        }
        let packer = extent == .packed ? BlockPacker(extents, memory: image.memory) : nil
        let survey = try HeapSurvey(
          image, large: large, packer: packer, decoder: details.decoder, objectSize: scanned.size
        ) { progress?(.typing, $0) }
        var shortage = room.shortage(packing: extents, survey)
        if let packer,
          let packed = try PackedHeap(
            image, extents, packer, survey: survey, room: room.packingBytes, objectSize: scanned.size)
        {
          // The copy may have gone while it was marked, or the room: what was counted before is left.
          do { return try analyze(image, packed, room, details, options, progress) } catch MemoryError.targetGone {
            shortage = room.lost
          }
        }
        return HeapAnalysis(
          survey, image: image, decoder: details.decoder, options: options, shortage: shortage)
      }
    }
    let walk = try HeapWalk.walk(image, progress: { progress?(.walking, $0) }, objectSize: scanned.size)
    let heap = TypedHeap(walk: walk, decoder: details.decoder) { progress?(.typing, $0) }
    var options = options
    // Where nearly all of a heap is leaked, the references among it take more than the heap's own tables.
    options.graphRoom = options.room?.graphBytes(blocks: heap.blocks.count)
    return try analyze(image, heap, details, options, progress)
  }

  /// Leaks, without who holds what.
  private static func analyze(
    _ image: ProcessImage, _ packed: PackedHeap, _ room: InspectionRoom, _ details: Details,
    _ options: HeapAnalysis.Options, _ progress: (@Sendable (Phase, Double) -> Void)?
  ) throws(MemoryError) -> HeapAnalysis {
    let blocks = packed.heap.blocks.count
    var reduced = options
    reduced.keepsReferences = false
    reduced.keepsSampling = options.keepsReferences
    reduced.workerCount = 1
    reduced.graphRoom = room.packingBytes - packed.bytes
    reduced.stopsWithoutRoom = true
    var analysis = try analyze(image, packed.heap, details, reduced, progress)
    if options.keepsReferences { analysis.shortage = room.shortage(blocks: blocks, holders: true) }
    return analysis
  }

  private static func analyze(
    _ image: ProcessImage, _ heap: TypedHeap, _ details: Details, _ options: HeapAnalysis.Options,
    _ progress: (@Sendable (Phase, Double) -> Void)?
  ) throws(MemoryError) -> HeapAnalysis {
    return try HeapAnalysis(image: image, heap: heap, context: details.analysis, options: options) { phase, share in
      switch phase {
      case .typing: progress?(.typing, share)
      case .roots: progress?(.roots, share)
      case .marking: progress?(.marking, share)
      case .grouping: progress?(.grouping, share)
      }
    }
  }
}

extension HeapInspection {
  /// What an image's symbols and metadata add to the layouts: the decoder, and the context that marking needs.
  struct Details {
    let decoder: SharedDecoder
    let analysis: HeapAnalysis.Context

    init(image: ProcessImage, symbols: any SymbolSource) {
      let module = MainModule.name(image)
      let decoder = SharedDecoder(MetadataDecoder(image: image, symbols: symbols, omittingModule: module))
      let names = TaskNames(symbols: symbols, mainModule: module)
      self.decoder = decoder
      analysis = HeapAnalysis.Context(
        taskWords: { address in decoder.taskInfo(at: address).map(TaskWords.init) ?? TaskWords() },
        describeTask: { address in decoder.taskInfo(at: address).map(names.frames) ?? [] },
        taskWaitsFor: { address in decoder.taskInfo(at: address).flatMap(names.waitsFor) },
        taskFrames: { address in decoder.asyncFrames(at: address).map { names.frame($0) } },
        taskInfo: { address in decoder.taskInfo(at: address) },
        storedFields: { head in decoder.storedFields(ofElementsOf: head) },
        elementFields: { head in decoder.elementFields(ofStorage: head) },
        instanceFields: { head in decoder.storedFields(ofInstances: head) },
        byteBuffers: StdioBuffers.addresses(memory: image.memory, symbols: symbols),
        idleWorkers: IdleWorkers(image: image, symbols: symbols))
    }
  }
}

extension TaskWords {
  /// {parent frame, function that continues it}: all that is written of a frame before its function has begun.
  private static let frameHeader: UInt64 = 16

  init(_ info: TaskInfo) {
    self.init(
      linksAreInUse: Self.linksAreInUse(info),
      end: info.isUnstarted && info.resumeContext > info.address ? info.resumeContext + Self.frameHeader : .max)
    if info.isEnqueued, case .executor(let address) = info.dependency { executor = address }
    // Of a running task the frames are not known, and a function may fill its result bit by bit.
    if info.firstFrame != 0, !info.isComplete, !info.isRunning {
      unwritten.append(info.firstFrame - TaskInfo.errorRoom..<info.firstFrame)
      if info.isUnstarted, let room = info.resultRoom { unwritten.append(room) }
    }
  }

  /// In a queue, or in the waiting list of another task or a group. A task that waits for its continuation is in no list; what its
  /// links hold is left over from the last queue it was in.
  private static func linksAreInUse(_ info: TaskInfo) -> Bool {
    if info.isEnqueued { return true }
    if info.isRunning || info.isComplete { return false }
    switch info.dependency {
    case .continuation: return false
    case .task, .taskGroup, .executor, .none: return true
    }
  }
}
