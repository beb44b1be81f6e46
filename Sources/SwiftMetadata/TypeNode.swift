/// A type as metadata and mangled type strings spell it, before it is laid out or printed.
indirect enum TypeNode: Sendable {
  /// Type metadata of the target, fully resolved.
  case metadata(UInt64)
  /// A nominal type with all generic arguments of itself and its outer types, outermost first.
  case nominal(NominalReference, arguments: [TypeNode])
  /// `Builtin.…` without the prefix: `NativeObject`, `Int64`.
  case builtin(String)
  case tuple([TupleElement])
  case function(FunctionForm, parameters: [TypeNode], result: TypeNode)
  case existential(protocols: [NominalReference], superclass: TypeNode?, isClassBound: Bool)
  case metatype(TypeNode, isThin: Bool)
  /// Generic parameter: nesting level of the generic context, and position in it.
  case parameter(depth: Int, index: Int)
  /// Associated type of `base`.
  case member(base: TypeNode, name: String)
  case reference(Ownership, TypeNode)
  /// A heap box that holds a captured variable.
  case box([TypeNode])
  /// `Builtin.FixedArray`.
  case fixedArray(count: TypeNode, element: TypeNode)
  /// Argument of a value generic.
  case integer(Int)
  case pack([TypeNode])
  case packExpansion(TypeNode)
  /// A type with a known role but unknown identity (opaque result types, constrained existentials).
  case unresolved(String)

  enum Ownership: Sendable { case weak, unowned, unmanaged }

  struct TupleElement: Sendable {
    var label: String?
    var type: TypeNode
  }

  struct FunctionForm: Sendable {
    enum Representation: Sendable { case thick, thin, cFunction, block }
    var representation = Representation.thick
    var isAsync = false
    var isThrowing = false
    var isEscaping = true
  }
}

/// A nominal type or protocol, by descriptor where the string refers to one, else by name.
enum NominalReference: Sendable {
  case descriptor(UInt64)
  case named(kind: NominalKind, module: String, path: [String])
}

enum NominalKind: Sendable { case `class`, structure, enumeration, `protocol`, alias, other }
