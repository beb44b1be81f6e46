/// What the numbers of a report mean: a sentence on hover, and a section at the end of the page.
enum Glossary: String, CaseIterable {
  case resident, limit, forecast, growthRate, confidence, share, unexplained
  case swiftObjects, nativeBlocks, allocatorFree, allocatorOverhead, stacks, moduleData, files, shared, mappings
  case pageCache, kernel, sockets
  case retained, ownSize, holder, leak, cycle, lostTask, liveBlock, arena, pause, selfCheck, load, group, inUse

  var title: String {
    switch self {
    case .resident: "Resident memory"
    case .limit: "Limit"
    case .forecast: "Forecast"
    case .growthRate: "Growth rate"
    case .confidence: "Confidence"
    case .share: "Share of the growth"
    case .unexplained: "Unexplained"
    case .swiftObjects: "Live Swift objects"
    case .nativeBlocks: "Live native blocks"
    case .allocatorFree: "Free, kept by the allocator"
    case .allocatorOverhead: "The allocator's own"
    case .stacks: "Thread stacks"
    case .moduleData: "Data of program and libraries"
    case .files: "Mapped files and code"
    case .shared: "Shared memory and tmpfs"
    case .mappings: "Anonymous mappings"
    case .pageCache: "Page cache"
    case .kernel: "Kernel memory"
    case .sockets: "Network buffers"
    case .retained: "Retained size"
    case .ownSize: "Own size"
    case .holder: "Holder"
    case .leak: "Leak"
    case .cycle: "Retain cycle"
    case .lostTask: "Lost task"
    case .liveBlock: "Live block"
    case .arena: "Arena"
    case .pause: "Pause"
    case .selfCheck: "Self-check"
    case .load: "Load"
    case .group: "Control group"
    case .inUse: "In use"
    }
  }

  var meaning: String {
    switch self {
    case .resident:
      "What the process has in physical memory now (RSS). It is what a container's limit counts, with page cache and kernel memory."
    case .limit: "The memory at which the kernel ends the process: that of its control group, or the one given."
    case .forecast:
      "When the peaks reach the limit if the growth goes on as it was. Nine times in ten it is between the two ends."
    case .growthRate: "Slope of the lowest levels, in bytes an hour (Theil and Sen's estimate), with its 90 % interval."
    case .confidence:
      "Possible: it looks like it. Likely: the tests agree. Certain: it was watched long enough, or there is proof, such as a block that no pointer leads to."
    case .share:
      "The part of all growth that this cause takes. The parts add up; what has no cause is listed as unexplained."
    case .unexplained:
      "What was measured and could not be put to anything. Below 2 % and 4 MiB the books are called closed."
    case .swiftObjects:
      "Blocks in use that have a Swift type: instances, storage of arrays and dictionaries, closures, tasks."
    case .nativeBlocks: "Blocks in use without a Swift type: of C and C++ code, or allocated by hand."
    case .allocatorFree:
      "Memory that was freed and that malloc keeps for later: bins, thread caches, the ends of arenas. No leak; a trim or fewer arenas give it back."
    case .allocatorOverhead: "Headers of blocks, and the caches that malloc keeps for threads."
    case .stacks: "Memory of threads' stacks, those of ended threads that are kept for reuse included."
    case .moduleData: "Writable data of the program and its libraries."
    case .files: "Pages of files that are mapped: code, constants, data files. The kernel can drop them."
    case .shared: "Memory that is shared with other processes, and files in tmpfs."
    case .mappings: "Memory that the program mapped itself, past malloc."
    case .pageCache:
      "Contents of files that the kernel keeps because they were read or written. It counts against the limit and is given back when room is needed."
    case .kernel: "What the kernel keeps for the group's processes: page tables, stacks of threads, descriptors."
    case .sockets: "Bytes that wait in sockets, to be sent or to be read."
    case .retained: "What would go if this went: its own bytes, and all that only it leads to."
    case .ownSize: "The bytes of the blocks themselves, without what hangs on them."
    case .holder: "A variable, a frame of a stack or a task from which a chain of references keeps memory alive."
    case .leak: "Blocks to which no pointer is left anywhere. Nothing can use them or free them any more."
    case .cycle: "Objects that hold each other strongly, so that none is freed when the last outside reference goes."
    case .lostTask:
      "A task that waits for a continuation which nobody can resume any more: it never ends, and keeps what it holds."
    case .liveBlock: "A piece of memory that malloc gave out and that was not freed."
    case .arena: "A heap of malloc's of its own; threads are spread over several, and each keeps its own free memory."
    case .pause: "For how long the process stood still while its memory was copied."
    case .selfCheck:
      "A number that memwhy counted and that the allocator counts too. All of them equal means that no block was missed."
    case .load: "What the service does: its own counter where one was given, else processor time."
    case .inUse: "Allocated and not yet freed."
    case .group: "The container's memory: that of all its processes, page cache and kernel memory."
    }
  }

  /// The word in running text: explained on hover, and a link to its place in the glossary.
  func term(_ text: String? = nil) -> Markup {
    "<a class=\"term\" href=\"#g-\(rawValue)\" title=\"\(meaning)\">\(text ?? title)</a>"
  }

  static var section: Markup {
    """
    <section id="glossary" aria-labelledby="glossary-title">
    <h2 id="glossary-title">What the numbers mean</h2>
    <dl class="glossary">
    \(allCases.map { "<div><dt id=\"g-\($0.rawValue)\">\($0.title)</dt><dd>\($0.meaning)</dd></div>\n" as Markup })</dl>
    </section>
    """
  }
}
