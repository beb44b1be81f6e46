/// What a heap block is, decoded from the metadata that its first word points to.
public struct ObjectType: Sendable, Hashable {
  /// What kind of memory a block is.
  public enum Kind: String, Sendable, Hashable, Codable, BitwiseCopyable {
    /// A class instance or actor.
    case `class`
    /// Tail-allocated storage of the standard library: arrays, dictionaries, sets, strings.
    case arrayStorage, dictionaryStorage, setStorage, stringStorage
    /// A closure's context or a box of captured variables.
    case closureContext
    /// A box over a type known at run time (`0x500`), an existential's or an indirect enum's payload.
    case box
    case error
    case task
    /// Memory of a task's stack allocator.
    case taskSlab
    case job
    /// A weak-reference side table.
    case sideTable
    /// No Swift metadata: named by the symbol of its first word (a C++ vtable, a dispatch or Block class).
    case native
  }

  public var kind: Kind
  /// As a developer writes it: `Session`, `Dictionary<Int, Entry>.storage` is `_DictionaryStorage<Int, Entry>`.
  public var name: String
  /// Where in the block references are.
  public var layout: ObjectLayout
  /// Of classes: how far an actor.
  public var actor: Actor
  /// A class of the program's own module, or a closure that captures something of such a type: not a library's.
  public var isOwn: Bool
  /// Of a library's generic class: the library that uses it for its own types; nil where it may be the program's.
  public var library: String?

  /// Whether the class is an actor, and whose queue it has.
  public enum Actor: Sendable, Hashable {
    case none
    /// Runs on an executor of its own choice.
    case custom
    /// Keeps a queue of jobs in its first bytes: see `DefaultActor`.
    case standard
  }

  /// The name of texts that the runtime's warnings about continuations leave behind.
  public static let runtimeWarnings = "text of the runtime's warnings"

  public init(kind: Kind, name: String, layout: ObjectLayout, actor: Actor = .none, isOwn: Bool = false) {
    self.kind = kind
    self.name = name
    self.layout = layout
    self.actor = actor
    self.isOwn = isOwn
  }
}

/// Where a block of a type can hold references. Offsets and sizes in bytes from the block's start.
public indirect enum ObjectLayout: Sendable, Hashable {
  /// Any aligned word may be a reference (unknown or opaque content).
  case conservative
  /// No references at all, whatever the bytes look like.
  case none
  /// Fixed size: only these slots. A block larger than `size` has slack that is not scanned.
  case fixed(size: Int, slots: [ReferenceSlot])
  /// `count` (u64 at 16) elements from `elements` on.
  case array(elements: Int, element: ValueLayout)
  /// Ring buffers of deques: room for `capacity` (u64 at 16) elements from `elements` on, `count` (u64 at 24) in use from slot `start` (u64
  /// at 32) on, going on at the first.
  case ring(elements: Int, element: ValueLayout)
  /// Standard library hash tables: occupancy bitmap at `bitmap`, 1 << scale (i8 at 32) buckets, keys at the address in word
  /// 48, values at the address in word 56 (nil for a set).
  case hashTable(bitmap: Int, key: ValueLayout, value: ValueLayout?)
  /// A node of a tree of hashes: bitmaps of items and children (u32 at 16 and 20), room in bytes (u32 at 24). From 32 on references to children, 16 bytes
  /// each; the items end where the room does. The value lies behind its key; nil for a set.
  case hashNode(key: ValueLayout, value: ValueLayout?)
  /// Native string storage: no references but the breadcrumbs pointer at the end of a long one.
  case string
  /// A task allocator slab: used bytes as u32 at 20, data from 32 on; conservative inside. `next` at 8.
  case taskSlab
  /// A Swift task: conservative over the block, with `schedulerLinks` (word offsets) believed only if the task is enqueued or waits.
  case task(schedulerLinks: [Int])
  /// A side table: its object pointer (word 0) never keeps the object.
  case sideTable

  /// Words that can hold references: those of the object, or of each element, key and value. Empty where none are listed.
  public var slots: [ReferenceSlot] {
    switch self {
    case .fixed(_, let slots): slots
    case .array(_, let element), .ring(_, let element): element.slots
    case .hashTable(_, let key, let value), .hashNode(let key, let value): key.slots + (value?.slots ?? [])
    case .conservative, .none, .string, .taskSlab, .task, .sideTable: []
    }
  }
}

/// How values of a type lie in memory. Sizes in bytes.
public struct ValueLayout: Sendable, Hashable {
  public var typeName: String
  public var size, stride, alignment: Int
  /// Words that can hold references, sorted by offset; empty for plain old data.
  public var slots: [ReferenceSlot]

  public init(typeName: String, size: Int, stride: Int, alignment: Int, slots: [ReferenceSlot]) {
    self.typeName = typeName
    self.size = size
    self.stride = stride
    self.alignment = alignment
    self.slots = slots
  }
}

/// One word that can hold a reference.
public struct ReferenceSlot: Sendable, Hashable {
  /// What a reference does for the object that it refers to.
  public enum Strength: UInt8, Sendable, Hashable, BitwiseCopyable {
    /// A strong reference to the start of an object (tag bits may be set in an enum payload or a String's object word).
    case strong
    /// `unowned`: keeps only memory of an object that is already deinitialised.
    case unowned
    /// `weak`: points to a side table, which it keeps; never to what the side table points to.
    case weak
    /// `unowned(unsafe)`, `Unmanaged`, `UnsafePointer`s, thin opaque pointers: a pointer, also into the middle of a block.
    case pointer
    /// Unknown content (opaque enum payload, existential buffer): may be a reference or data, may be interior.
    case ambiguous
    /// An integer as wide as an address: programs carry addresses in them where a pointer's type is in the way. A reference only if
    /// it is the first byte of a block, but for its low three bits; the elements of arrays and tables are never taken for one.
    case number
  }

  /// Bytes from the start of the value or block; a multiple of 8.
  public var offset: Int
  public var strength: Strength
  /// Field path from the start of the value, as a developer writes it: `cache.storage`; empty for the value itself.
  public var path: String
  /// Declared type of the field where it is known.
  public var typeName: String
  /// Of a word that is something else in another case of an enum; nil where there is no choice, or no telling.
  public var choice: EnumChoice?
  /// Offsets, like `offset`, of words that hold an address where the value is there, up to two: where one of them does not, as in an optional that
  /// is nil, what the slot holds is left from before.
  public var liveWords: [Int] = []
  /// More of them are not kept.
  static let mostLiveWords = 2
  /// Words below are no addresses: empty cases of an enum.
  public static let leastAddress = UInt64(Layout.pointerInhabitants)

  public init(offset: Int, strength: Strength, path: String = "", typeName: String = "") {
    self.offset = offset
    self.strength = strength
    self.path = path
    self.typeName = typeName
  }
}

/// Decodes heap objects' types. Answers are cached by isa; never share one between processes.
public protocol ObjectTypeDecoder: AnyObject {
  /// The type of a block whose first word is `head`, or nil if that is no metadata that fits a block of `size` bytes at `address`.
  /// Reads the block itself only where the type depends on it (errors, generic boxes).
  func objectType(head: UInt64, address: UInt64, size: UInt64) -> ObjectType?
}
