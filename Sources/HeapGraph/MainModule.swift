import ProcessImage
import SwiftMetadata

/// The Swift module of the executable. Its name is left out of type names: a developer writes `Session`, not `shop.Session`.
enum MainModule {
  /// Nil where no executable is mapped. SwiftPM names a program after its module; what is no identifier becomes `_`.
  static func name(_ image: ProcessImage) -> String? {
    // The executable lies below the libraries, and only libraries have a version or `.so` in their names.
    guard let module = image.modules.first(where: { !$0.name.contains(".so") && !$0.name.isEmpty }) else { return nil }
    return String(module.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  /// Whether a Swift module is the executable's: of that name, or of the one that the compiler gives where nobody chooses. Where the
  /// executable's is not known, nothing counts as a library's.
  static func isOwn(_ module: String, main: String?) -> Bool {
    main == nil || module == main || module == MetadataDecoder.unnamedModule
  }
}
