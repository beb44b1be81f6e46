/// One stored property of a value, nested ones by their path.
public struct StoredField: Sendable, Hashable, Codable {
  /// `limits.used`; the name alone at the top.
  public var path: String
  /// Bytes from the start of the value.
  public var offset: Int
  /// As a developer writes it.
  public var typeName: String

  public init(path: String, offset: Int, typeName: String) {
    self.path = path
    self.offset = offset
    self.typeName = typeName
  }
}

extension MetadataDecoder {
  /// Deepest nesting and most properties that are listed.
  private static let fieldDepth = 4
  private static let storedFieldLimit = 512

  /// Stored properties of the type of a dictionary's values, an array's or a set's elements, given a storage object's first word;
  /// structs in it are listed by their own properties. Empty where it is no such storage or its type has no fields.
  public func storedFields(ofElementsOf head: UInt64) -> [StoredField] {
    ask {
      guard let descriptor = descriptor(ofMetadata: head),
        let element = environment(ofMetadata: head, descriptor).arguments.last ?? nil,
        case .metadata(let metadata) = element
      else { return [] }
      var fields: [StoredField] = []
      addFields(ofMetadata: metadata, at: 0, path: "", depth: 0, to: &fields)
      return fields
    }
  }

  /// Stored properties of what a storage object is for, given its first word: of a dictionary's values, an array's or a set's elements. Those
  /// of a struct as `storedFields(ofElementsOf:)` lists them, those of a class's instances where the elements are references to them. Empty for
  /// others, and where the storage does not name the class of its elements. Of an enum what its cases carry, each by the name of its case; offsets are 0.
  public func elementFields(ofStorage head: UInt64) -> [StoredField] {
    ask {
      let fields = storedFields(ofElementsOf: head)
      guard fields.isEmpty, let descriptor = descriptor(ofMetadata: head),
        case .metadata(let metadata)?? = environment(ofMetadata: head, descriptor).arguments.last
      else { return fields }
      return payloads(ofMetadata: metadata) ?? storedFields(ofInstances: metadata)
    }
  }

  /// What the cases of an enum carry, of tuples each part; nil where the type is no enum.
  private func payloads(ofMetadata metadata: UInt64) -> [StoredField]? {
    guard let descriptor = descriptor(ofMetadata: metadata), descriptor.kind == .enumeration else { return nil }
    let environment = environment(ofMetadata: metadata, descriptor)
    var result: [StoredField] = []
    for record in fields(descriptor) ?? [] where result.count < Self.storedFieldLimit {
      guard let type = record.type.map({ substitute($0, environment) }) else { continue }
      var parts = [type]
      if case .tuple(let elements) = type { parts = elements.map(\.type) }
      result += parts.prefix(Self.storedFieldLimit).compactMap { part in
        name(of: part, depth: 0).map { StoredField(path: record.name, offset: 0, typeName: $0) }
      }
    }
    return result
  }

  /// Stored properties of a class's instances, those of superclasses included; offsets from the object's start.
  public func storedFields(ofInstances head: UInt64) -> [StoredField] {
    ask {
      guard let metadata = ClassMetadata(at: head, in: memory), let chain = superclasses(metadata),
        let members = instanceMembers(chain)
      else { return [] }
      return members.prefix(Self.storedFieldLimit).compactMap { member in
        member.offset.map {
          StoredField(path: member.name, offset: $0, typeName: member.type.flatMap { name(of: $0, depth: 0) } ?? "")
        }
      }
    }
  }

  private func addFields(
    ofMetadata metadata: UInt64, at base: Int, path: String, depth: Int, to fields: inout [StoredField]
  ) {
    guard depth < Self.fieldDepth, let descriptor = descriptor(ofMetadata: metadata), descriptor.kind == .structure,
      let records = self.fields(descriptor), let vector = memory.half(descriptor.address &+ 24), vector < 1 << 12
    else { return }
    let environment = environment(ofMetadata: metadata, descriptor)
    for (index, record) in records.enumerated() where fields.count < Self.storedFieldLimit {
      guard let offset = memory.half(metadata &+ 8 &* UInt64(vector) &+ 4 &* UInt64(index)),
        let type = record.type.map({ substitute($0, environment) })
      else { continue }
      let name = path.isEmpty ? record.name : path + "." + record.name
      var inner: UInt64?
      switch type {
      case .metadata(let address): inner = address
      case .nominal(.descriptor(let address), let arguments) where arguments.isEmpty:
        inner = self.descriptor(at: address).flatMap { $0.isGeneric ? nil : self.metadata(of: $0) }
      default: break
      }
      let isStandard =
        inner.flatMap { self.descriptor(ofMetadata: $0) }.flatMap { qualifiedName($0) }?.module == "Swift"
      let before = fields.count
      if let inner, !isStandard {
        addFields(ofMetadata: inner, at: base + Int(offset), path: name, depth: depth + 1, to: &fields)
      }
      if fields.count == before {
        fields.append(
          StoredField(path: name, offset: base + Int(offset), typeName: self.name(of: type, depth: 0) ?? ""))
      }
    }
  }
}
