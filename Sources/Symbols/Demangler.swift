import Glibc
import Synchronization

/// `swift_demangle` of libswiftCore (include/swift/Demangling/Demangle.h, stable since Swift 5.0). Returns memory of `malloc`, or nil.
/// It wants flags 0.
@_silgen_name("swift_demangle")
private func swiftDemangle(
  _ name: UnsafePointer<CChar>?, _ length: Int, _ buffer: UnsafeMutablePointer<CChar>?,
  _ bufferSize: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// Mangled names to readable ones, in process and cached.
public final class Demangler: Sendable {
  private let simplifier: NameSimplifier
  private let cache = Mutex<[String: String]>([:])
  private static let cacheLimit = 1 << 16
  /// Longer names are shown as they are.
  private static let longestName = 16 << 10

  /// - Parameter mainModule: the module whose name is left out of display names.
  public init(mainModule: String? = nil) { simplifier = NameSimplifier(mainModule: mainModule) }

  /// The full demangled name of a Swift or C++ symbol; nil if it is neither.
  public static func demangle(_ mangled: String) -> String? {
    guard mangled.utf8.count <= longestName else { return nil }
    if isSwift(mangled) {
      let text = taken(mangled.withCString { swiftDemangle($0, mangled.utf8.count, nil, nil, 0) })
      return text == mangled ? nil : text
    }
    if mangled.hasPrefix("_Z") || mangled.hasPrefix("___Z") { return cxxDemangle(mangled) }
    return nil
  }

  /// Starts like a Swift symbol: `$s`, `$S`, `_$s`, `_T0` (docs/ABI/Mangling.rst).
  public static func isSwift(_ mangled: String) -> Bool {
    ["$s", "_$s", "$S", "_$S", "_T0", "$e", "_$e"].contains { mangled.hasPrefix($0) }
  }

  /// The module that a mangled name begins with (docs/ABI/Mangling.rst of swiftlang/swift: a decimal length, then the name); nil for those of
  /// the standard library and for extensions of its types, which begin with a substitution.
  public static func module(of mangled: String) -> String? {
    guard let prefix = ["$s", "_$s", "$e", "_$e"].first(where: { mangled.hasPrefix($0) }) else { return nil }
    let rest = mangled.utf8.dropFirst(prefix.utf8.count)
    let digits = rest.prefix { (48...57).contains($0) }
    guard digits.first != 48, let length = Int(Substring(digits)), length > 0,
      length <= rest.count - digits.count
    else { return nil }
    return String(Substring(rest.dropFirst(digits.count).prefix(length)))
  }

  /// A short name for people: `closure #1 in Session.start()`, `static Registry.shared`, `cache`; the symbol itself where it is not mangled.
  public func displayName(_ mangled: String) -> String {
    if let known = cache.withLock({ $0[mangled] }) { return known }
    let name: String
    if let full = Self.demangle(mangled) {
      name = Self.isSwift(mangled) ? simplifier.simplify(full) : full
    } else {
      name = Self.withoutResumeSuffix(mangled)
    }
    cache.withLock { cache in
      if cache.count >= Self.cacheLimit { cache.removeAll(keepingCapacity: true) }
      cache[mangled] = name
    }
    return name
  }

  /// Declared type of a global or static variable, without `Swift.` and the main module: `[Int : Entry]`. nil for anything else.
  public func variableType(_ mangled: String) -> String? {
    // `vp` is a variable, `vpZ` a static one (docs/ABI/Mangling.rst, "Entities").
    guard Self.isSwift(mangled), mangled.hasSuffix("vp") || mangled.hasSuffix("vpZ") else { return nil }
    return Self.demangle(mangled).flatMap(simplifier.variableType)
  }

  /// What a forwarder with captured arguments calls (`TA`, docs/ABI/Mangling.rst), its clones' number left out; other names as they are.
  public static func withoutForwarder(_ mangled: String) -> String {
    guard isSwift(mangled) else { return mangled }
    var name = Substring(mangled)
    if let dot = name.lastIndex(of: "."), name[dot...].dropFirst().allSatisfy(\.isNumber) { name = name[..<dot] }
    return name.hasSuffix("TA") ? String(name.dropLast(2)) : mangled
  }

  /// `async_MainTQ0_` -> `async_Main`: parts of an async function whose name is not mangled.
  private static func withoutResumeSuffix(_ name: String) -> String {
    guard let mark = name.resumeSuffixStart else { return name }
    return String(name[..<mark])
  }

  private static func taken(_ text: UnsafeMutablePointer<CChar>?) -> String? {
    guard let text else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  private typealias CxxDemangle =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UnsafeMutablePointer<CInt>?
    ) -> UnsafeMutablePointer<CChar>?

  /// `__cxa_demangle` (Itanium C++ ABI) of the C++ library that libswiftCore brings along; nil where it is not to be had.
  private static let cxaDemangle: CxxDemangle? = {
    guard let symbol = dlsym(nil, "__cxa_demangle") else { return nil }
    return unsafeBitCast(symbol, to: CxxDemangle.self)
  }()

  private static func cxxDemangle(_ mangled: String) -> String? {
    guard let cxaDemangle else { return nil }
    return taken(mangled.withCString { cxaDemangle($0, nil, nil, nil) })
  }
}

extension String {
  /// Where `TQ<n>_` or `TY<n>_` begins, if the name ends with one and is more than that.
  fileprivate var resumeSuffixStart: Index? {
    guard hasSuffix("_") else { return nil }
    let head = dropLast()
    guard let digits = head.lastIndex(where: { !$0.isNumber }), digits < head.index(before: head.endIndex),
      self[digits] == "Q" || self[digits] == "Y", digits > startIndex
    else { return nil }
    let mark = index(before: digits)
    return self[mark] == "T" && mark > startIndex ? mark : nil
  }
}
