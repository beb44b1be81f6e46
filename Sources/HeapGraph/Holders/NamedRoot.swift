/// A root under the name by which a developer knows it.
public struct NamedRoot: Sendable, Hashable, Codable {
  /// Where the word of a root lies.
  public enum Kind: String, Sendable, Hashable, Codable {
    /// A global or static variable of the program or of a library.
    case global
    /// A variable of C or C++.
    case native
    /// A frame of a thread's stack, or its registers.
    case stack
    /// A thread-local variable.
    case threadLocal
    /// Tables of the Swift runtime, the loader, the allocator.
    case runtime
    /// Memory that no module and no thread claims.
    case anonymous
    /// Objects whose deinit has run; unowned references keep their memory.
    case unowned
  }

  public var kind: Kind
  /// `cache : [Int64 : Cached]`, `static Registry.shared : Owner`, `drive(_:) on thread 4711`, `shop+0x14cc0`.
  public var title: String
  /// File name of the module that has the variable, or the function of the frame; empty where it is not known.
  public var module: String
  /// Of a Swift variable that is not the program's: the Swift module that declares it.
  public var library: String?

  public init(kind: Kind, title: String, module: String = "", library: String? = nil) {
    self.kind = kind
    self.title = title
    self.module = module
    self.library = library
  }

  /// The program's own, under a name.
  var isVariable: Bool { kind == .global || kind == .native || kind == .threadLocal }

  /// A frame of a thread that is in nothing but the C library and the runtimes. What such a thread works on has other holders: a word there that leads
  /// to a block is a stale one as a rule.
  var isIdleFrame: Bool { kind == .stack && RootNames.isRuntime(module: module) }

  /// Which root is shown where several lead to a block: the one that a developer can change.
  var rank: Int {
    switch kind {
    case .global: library == nil ? 0 : 1
    case .native: 2
    case .threadLocal: 3
    case .stack: 4
    case .anonymous: 5
    case .runtime: 6
    case .unowned: 7
    }
  }
}
