#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Double {
  var logarithm: Double { log(self) }
  var exponential: Double { exp(self) }
}
