import Dispatch
import Foundation

// churn: threads that come and go, queues that are pushed to from all sides, buffers of all sizes that are resized and freed. Nothing
// is ever leaked. Prints READY once warm; ends by itself after half an hour, should nobody end it.

final class Node {
  var next: Node?
  var payload: [UInt64]
  init(_ next: Node?, _ count: Int) {
    self.next = next
    payload = Array(repeating: 0x5a5a, count: count)
  }
}

/// A chain of objects, built and let go.
@inline(never) func objects(_ seed: Int) -> Int {
  var chain: Node?
  for index in 0..<60 { chain = Node(chain, (seed &+ index) % 90) }
  var sum = 0
  while let node = chain {
    sum += node.payload.count
    chain = node.next
  }
  return sum
}

/// C blocks of every size class, held in a C table that is resized while they are in it.
@inline(never) func buffers(_ seed: Int) -> Int {
  var capacity = 4
  var table = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: capacity)
  var random = UInt64(truncatingIfNeeded: seed) | 1
  for count in 0..<100 {
    if count == capacity {
      capacity *= 2
      table = realloc(table, capacity * 8).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }
    random = random &* 6_364_136_223_846_793_005 &+ 1
    let size = Int(random >> 33 % (count % 25 == 0 ? 200_000 : 1_500)) + 8
    table[count] = malloc(size)
    table[count]?.storeBytes(of: 0, as: UInt64.self)
  }
  for index in 0..<100 where index % 3 != 0 {
    free(table[index])
    table[index] = nil
  }
  for index in 0..<100 { free(table[index]) }
  free(table)
  return seed
}

let queue = DispatchQueue(label: "shared", attributes: .concurrent)
let serial = DispatchQueue(label: "serial")

/// A thread that pushes to both queues, waits, and ends.
func thread(_ number: Int) {
  let done = DispatchSemaphore(value: 0)
  let group = DispatchGroup()
  Thread.detachNewThread {
    let box = Node(nil, 7)
    _ = objects(number) + buffers(number) + box.payload.count
    for index in 0..<40 { queue.async(group: group) { _ = objects(index) } }
    for index in 0..<10 { serial.async(group: group) { _ = buffers(index) } }
    group.wait()
    done.signal()
  }
  done.wait()
}

/// A joinable thread whose argument and result only its descriptor holds for a while.
func joined(_ extra: Int) {
  var id = pthread_t()
  let argument = malloc(40 + extra * 8)
  argument?.storeBytes(of: 1, as: UInt64.self)
  pthread_create(
    &id, nil,
    { argument in
      free(argument)
      let result = malloc(56)
      result?.storeBytes(of: 2, as: UInt64.self)
      return result
    }, argument)
  var result: UnsafeMutableRawPointer?
  usleep(200)
  pthread_join(id, &result)
  free(result)
}

for lane in 0..<3 {
  Thread.detachNewThread {
    var round = lane
    while true {
      thread(round)
      round += 3
    }
  }
}
for lane in 0..<2 {
  Thread.detachNewThread { while true { joined(lane) } }
}
sleep(1)
print("READY pid \(getpid())")
fflush(nil)
sleep(1800)
