import Dispatch
import Glibc

// A service that knows its own count: each request adds one entry of one KiB to a dictionary, 2,000 requests a second. Its page of metrics says
// how many there were. Prints its port once it listens, and runs until it is ended.

final class Visits: @unchecked Sendable {
  // Under `lock`.
  private var entries: [Int: [UInt8]] = [:]
  private var lock = pthread_mutex_t()

  init() { pthread_mutex_init(&lock, nil) }

  func add() {
    pthread_mutex_lock(&lock)
    entries[entries.count] = [UInt8](repeating: 7, count: 1000)
    pthread_mutex_unlock(&lock)
  }

  var count: Int {
    pthread_mutex_lock(&lock)
    defer { pthread_mutex_unlock(&lock) }
    return entries.count
  }
}

let visits = Visits()

func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func answer(_ client: Int32) {
  var request = [UInt8](repeating: 0, count: 4096)
  _ = recv(client, &request, request.count, 0)
  let page = Array("HTTP/1.0 200 OK\r\n\r\nvisits_total \(visits.count)\n".utf8)
  _ = send(client, page, page.count, Int32(MSG_NOSIGNAL))
  close(client)
}

let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
var address = sockaddr_in()
address.sin_family = sa_family_t(AF_INET)
address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
var size = socklen_t(MemoryLayout<sockaddr_in>.size)
let isListening = withUnsafeMutablePointer(to: &address) { pointer in
  pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
    bind(listener, $0, size) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &size) == 0
  }
}
guard isListening else { exit(1) }
print("listening on \(UInt16(bigEndian: address.sin_port))")
fflush(nil)

DispatchQueue(label: "metrics").async {
  while true {
    let client = accept(listener, nil, nil)
    if client >= 0 { answer(client) }
  }
}
let start = seconds()
while true {
  // What a busy machine held up comes at once.
  while Double(visits.count) < (seconds() - start) * 2000 { visits.add() }
  usleep(2000)
}
