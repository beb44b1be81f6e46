import LocalCache
import NIOCore

/// Prints `counted` and `live` bytes of buffers of many sizes, slices among them: what one cache counts more than one of as many empty buffers.
func cacheBuffers(_ count: Int) {
  // Empty buffers share one storage.
  let baseline = SizeBaseline()
  baseline.include(ByteBuffer())
  func filled(_ make: (Int) -> ByteBuffer) -> (counted: Int, live: Int) {
    var configuration = LocalCache<Int, ByteBuffer>.Configuration()
    configuration.sizing.baseline = baseline
    let cache = LocalCache<Int, ByteBuffer>(
      name: "buffers", limit: .bytes(.mebibytes(1024)), configuration: configuration)
    let before = liveBytes()
    for number in 0..<count { cache.set(make(number), for: number) }
    return (cache.weight, liveBytes() - before)
  }
  let empty = filled { _ in ByteBuffer() }
  let written = filled { number in
    var buffer = ByteBufferAllocator().buffer(capacity: 64 << (number % 8))
    buffer.writeRepeatingByte(7, count: 40)
    return number % 3 == 0 ? buffer.getSlice(at: 0, length: 20) ?? buffer : buffer
  }
  print("counted \(written.counted - empty.counted)")
  print("live \(written.live - empty.live)")
}
