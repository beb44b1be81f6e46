/// Where things are in the sampler's table, version 2. The source is `Sources/CMemwhySampler/include/memwhy_table.h`; a test compares
/// the two.
enum TableLayout {
  static let magic: UInt64 = 0x3165_6c62_6154_6d4d
  static let version: UInt32 = 2

  enum Header {
    static let magic = 0, version = 8, headerSize = 12, tableSize = 16, state = 24, pid = 28, interval = 32
    static let startNanoseconds = 40, startRealtime = 48, lastNanoseconds = 56
    static let modules = 64, threads = 80, growths = 96, points = 112, sites = 128, blockKeys = 144, blocks = 160
    static let frames = 176
    static let modulesUsed = 192, threadsUsed = 200, growthsUsed = 208, pointsUsed = 216, sitesUsed = 224
    static let liveBlocks = 240, mostLiveBlocks = 248, samples = 256, freedSamples = 264
    static let allocatedBytes = 272, freedBytes = 280
    static let lostBlocks = 288, lostSites = 296, lostModules = 304, interrupted = 312, thinnings = 320
    static let staleBlocks = 328, moduleChanges = 336, slowStacks = 344, asyncStacks = 352, flags = 360
    static let exitStatus = 368, program = 376
    static let programSize = 256
    static let taskNames = 632, taskNamesUsed = 648, lostTaskNames = 656, groupKills = 664
    static let size = 672
  }

  enum Module {
    static let version = 0, start = 8, end = 16, bias = 24, textStart = 32, textEnd = 40
    static let textOffset = 48, loaded = 56, unloaded = 64
    static let buildIDSize = 72, flags = 76, buildID = 80, path = 104
    static let size = 512
    static let longestBuildID = 20
    static let most = 512
  }

  enum Thread {
    static let id = 0, name = 8, first = 24
    static let size = 32, nameSize = 16
    static let most = 2048
  }

  enum TaskName {
    static let hash = 0, state = 8, length = 12, name = 16
    static let size = 64, nameSize = 48
    static let most = 1024
  }

  enum Growth {
    static let sequence = 0, time = 8, kind = 16, site = 20, thread = 24, step = 32, total = 40
    static let size = 64
    static let most = 256
  }

  enum Point {
    static let sequence = 0, realtime = 8, monotonic = 16, rss = 32, limit = 40, groupUsage = 48
    static let allocatedBytes = 56, freedBytes = 64, samples = 72, liveBlocks = 80, interval = 88, threads = 96
    static let swap = 104, anonymous = 112
    static let size = 128
    static let most = 1024
    static let unknown = UInt64.max
  }

  enum Site {
    static let hash = 0, state = 8, frames = 12, depth = 16, asyncFrom = 17, task = 18, flags = 20, thread = 22
    static let begun = 24, ended = 32
    static let allocatedCount = 40, allocatedBytes = 48, countVariance = 56, bytesVariance = 64
    static let freedCount = 72, freedBytes = 80, freedAge = 88, samples = 96, freedSamples = 100, ages = 104
    static let size = 128
    static let most = 1 << 21
    static let ageClasses = 6
    /// Instead of the only thread or task name.
    static let several: UInt16 = 0xffff
    /// Deeper stacks than this are never written.
    static let deepest = 128
  }

  enum Block {
    static let time = 0, size = 8, interval = 16, site = 24, thread = 28, task = 30
    static let recordSize = 32
    static let most = 1 << 23
    static let generationBits: UInt64 = 11
    /// Instead of an address: the block is being written.
    static let writing: UInt64 = (1 << 53) - 1
  }
}
