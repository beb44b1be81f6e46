// Prints where its own globals and metadata lie, then waits.
import Glibc

final class Session {
  var number = 7
}

nonisolated(unsafe) var counter: Int = 0x5555_0001
enum Registry {
  nonisolated(unsafe) static var shared = Session()
}

func address<T>(_ pointer: UnsafePointer<T>) -> String { "0x" + String(UInt(bitPattern: pointer), radix: 16) }

@main struct Main {
  static func main() {
    withUnsafePointer(to: &counter) { print("counter \(address($0))") }
    withUnsafePointer(to: &Registry.shared) { print("shared \(address($0))") }
    print("metadata 0x\(String(unsafeBitCast(Session.self, to: UInt.self), radix: 16))")
    print("READY")
    fflush(nil)
    while true { sleep(100) }
  }
}
