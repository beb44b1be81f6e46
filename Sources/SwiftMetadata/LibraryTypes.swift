/// Whose a library's generic class is: `Box<State>` may be a box around what is the program's.
extension MetadataDecoder {
  /// Modules of the toolchain, whose types anybody uses.
  private static let toolchain: Set<String> = [
    "Swift", "_Concurrency", "Synchronization", "Foundation", "FoundationEssentials", "Dispatch", "Observation",
    "_StringProcessing", "__C",
  ]
  private static let deepestArgument = 32

  /// The library that uses a generic class for itself: the first whose types are among the generic arguments, where none of these is the program's. Nil
  /// where that is not so, and where it is not known which module is the program's.
  func library(using metadata: UInt64, _ descriptor: ContextDescriptor) -> String? {
    guard omittedModule != nil, descriptor.isGeneric else { return nil }
    var modules: [String] = []
    let arguments = environment(ofMetadata: metadata, descriptor).arguments
    return arguments.allSatisfy { isOthers($0, &modules, depth: 0) } ? modules.first : nil
  }

  /// The type is known, and nothing in it is the program's; adds the libraries that it is of.
  private func isOthers(_ type: TypeNode?, _ modules: inout [String], depth: Int) -> Bool {
    guard let type, depth < Self.deepestArgument else { return false }
    func isOthers(_ types: [TypeNode]) -> Bool {
      types.allSatisfy { self.isOthers($0, &modules, depth: depth + 1) }
    }
    func isOthers(_ references: [NominalReference]) -> Bool {
      references.allSatisfy { reference in
        guard let name = qualifiedName(reference), !isOwn(name) else { return false }
        if !Self.toolchain.contains(name.module) { modules.append(name.module) }
        return true
      }
    }
    switch type {
    case .metadata(let address): return node(ofMetadata: address).map { isOthers([$0]) } ?? false
    case .nominal(let reference, let arguments): return isOthers([reference]) && isOthers(arguments)
    case .existential(let protocols, let superclass, _):
      return isOthers(protocols) && isOthers(superclass.map { [$0] } ?? [])
    case .tuple(let elements): return isOthers(elements.map(\.type))
    case .function(_, let parameters, let result): return isOthers(parameters + [result])
    case .metatype(let type, _), .reference(_, let type): return isOthers([type])
    case .builtin, .integer: return true
    case .parameter, .member, .box, .fixedArray, .pack, .packExpansion, .unresolved: return false
    }
  }
}
