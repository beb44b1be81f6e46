import Symbols

/// How functions are written in reports.
public enum NameStyle: String, Sendable, Hashable, CaseIterable {
  /// Demangled, without parameter types and well-known modules: `Store.load(id:)`.
  case short
  /// Demangled in full.
  case full
  /// As they stand in the profile; this is how pprof shows them.
  case asIs = "as-is"
}

/// Names of functions as reports show them. Two functions of different names stay two rows, also where their short names are the same: numbers do not depend on
/// the style.
public final class FunctionNames: Sendable {
  public let style: NameStyle
  private let demangler: Demangler

  /// - Parameter mainModule: the Swift module whose name is left out of short names.
  public init(style: NameStyle, mainModule: String? = nil) {
    self.style = style
    demangler = Demangler(mainModule: mainModule)
  }

  /// With the module that a profile's main binary is named after.
  public convenience init(style: NameStyle, of profile: Profile) {
    let file = profile.mappings.first.map { profile.text($0.file) } ?? ""
    let base = String(file.split(separator: "/").last ?? "")
    // A package's `leaky-service` is the module `leaky_service`.
    let module = String(
      decoding: base.utf8.map { CharacterSet.word.contains(UInt32($0)) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    self.init(style: style, mainModule: module.isEmpty ? nil : module)
  }

  public func display(_ name: String) -> String {
    guard Self.isMangled(name) else { return name }
    let shown =
      switch style {
      case .asIs: name
      case .full: Demangler.demangle(name) ?? name
      case .short: demangler.displayName(name)
      }
    return style != .asIs && Self.isAsyncPart(name) ? shown + " [async]" : shown
  }

  static func isMangled(_ name: String) -> Bool {
    name.hasPrefix("$") || name.hasPrefix("_$") || name.hasPrefix("_T0") || name.hasPrefix("_Z")
  }

  /// Parts of async functions behind an `await` end with `TQ<n>_` or `TY<n>_` (docs/ABI/Mangling.rst): their caller waits, it is not on the thread's stack.
  static func isAsyncPart(_ name: String) -> Bool {
    guard name.hasSuffix("_"), Demangler.isSwift(name) else { return false }
    let head = name.utf8.dropLast()
    let mark = head.reversed().drop { $0 >= 48 && $0 <= 57 }.prefix(2)
    return mark.elementsEqual("QT".utf8) || mark.elementsEqual("YT".utf8)
  }
}
