import Foundation

/// Threads that are begun and wait for ever.
final class ThreadService: Service {
  let gate = DispatchSemaphore(value: 0)
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<2 {
      let gate = gate
      Thread.detachNewThread { gate.wait() }
    }
    return 2
  }
}

/// Pipes of child processes that nobody closes.
final class PipeService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<4 {
      var ends: [Int32] = [0, 0]
      _ = pipe(&ends)
    }
    return 4
  }
}

/// Anonymous memory that is mapped by hand.
final class MappingService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    let size = 300_000
    if let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED {
      memset(memory, 1, size)
    }
    return 1
  }
}

/// A pool of its own, whose pages are mapped by hand and never given back.
final class PoolService: Service {
  private var pages: [UnsafeMutableRawPointer] = []
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    let size = 300_000
    if let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED {
      memset(memory, 1, size)
      pages.append(memory)
    }
    return 1
  }
}

/// Shared segments that are never unmapped.
final class SharedService: Service {
  init() {}
  func turn(_ number: Int) -> Int {
    churn()
    let size = 300_000
    if let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED {
      memset(memory, 1, size)
    }
    return 1
  }
}

/// Files that are mapped and read, and stay mapped.
final class MappedFileService: Service {
  private var descriptor: Int32 = -1
  private let size = 300_000
  init() {
    let path = NSTemporaryDirectory() + "memwhy-causes-\(getpid())"
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    unlink(path)
    ftruncate(descriptor, off_t(size * 4096))
  }
  func turn(_ number: Int) -> Int {
    churn()
    let part = [UInt8](repeating: 1, count: size)
    let offset = number * ((size + 4095) & ~4095)
    pwrite(descriptor, part, size, off_t(offset))
    if let memory = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, off_t(offset)), memory != MAP_FAILED {
      var sum: UInt8 = 0
      for page in stride(from: 0, to: size, by: 4096) {
        sum &+= memory.load(fromByteOffset: page, as: UInt8.self)
      }
      if sum == 255 { print("odd") }
    }
    return 1
  }
}

/// A log on disk: its pages are in the page cache of the control group.
final class PageCacheService: Service {
  private let descriptor: Int32
  init() {
    let folder = ProcessInfo.processInfo.environment["MEMWHY_TEST_FOLDER"] ?? NSTemporaryDirectory()
    let path = folder + "/memwhy-causes-\(getpid())"
    descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
    unlink(path)
  }
  func turn(_ number: Int) -> Int {
    churn()
    let part = [UInt8](repeating: 1, count: 1_500_000)
    write(descriptor, part, part.count)
    return 1
  }
}

/// Connections that the peer has closed and this side has not.
final class CloseWaitService: Service {
  private let listener: Int32
  private var address = sockaddr_in()
  init() {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    withAddress { _ = bind(listener, $0, $1) }
    listen(listener, 64)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
    }
  }
  private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Void) {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
  func turn(_ number: Int) -> Int {
    churn()
    for _ in 0..<3 {
      let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      withAddress { _ = connect(client, $0, $1) }
      _ = accept(listener, nil, nil)
      close(client)
    }
    return 3
  }
}
