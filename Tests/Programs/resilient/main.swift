import Glibc
import Shapes

/// It adds nothing but properties: their offsets are the first that its metadata adds.
final class Square: Shape {
  var peer: Square?
  var tags: [String] = ["a tag that is too long for the inline form"]
}

/// `OBJECT address`, `SLOT offset path`: where the references lie, by the addresses of the properties themselves.
let square = Square(1)
square.peer = square
let start = UInt(bitPattern: Unmanaged.passUnretained(square).toOpaque())
print("OBJECT \(String(start, radix: 16))")
withUnsafePointer(to: &square.peer) { print("SLOT \(UInt(bitPattern: $0) - start) peer") }
withUnsafePointer(to: &square.tags) { print("SLOT \(UInt(bitPattern: $0) - start) tags") }
print("READY")
fflush(stdout)
while true { sleep(1000) }
