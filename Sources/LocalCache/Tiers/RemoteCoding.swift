#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How keys become names in a remote tier, and names keys again when a message says that one has changed.
public struct RemoteKeyCoding<Key: Sendable>: Sendable {
  /// The name of a key. Different keys need different names, and equal ones the same.
  public var encode: @Sendable (Key) -> String
  /// The key of a name; nil for names that are none of ours.
  public var decode: @Sendable (String) -> Key?

  /// A coding of your own.
  public init(encode: @escaping @Sendable (Key) -> String, decode: @escaping @Sendable (String) -> Key?) {
    self.encode = encode
    self.decode = decode
  }
}

extension RemoteKeyCoding where Key: LosslessStringConvertible {
  /// The description of the key: for strings and integers. Strings should come in one normal form: those that are equal for Swift and differ in their bytes have
  /// names of their own.
  public static var description: RemoteKeyCoding {
    RemoteKeyCoding(encode: { $0.description }, decode: { Key($0) })
  }
}

extension RemoteKeyCoding where Key: RawRepresentable, Key.RawValue: LosslessStringConvertible {
  /// The description of the key's raw value: for identifiers that have types of their own.
  public static var rawValue: RemoteKeyCoding {
    RemoteKeyCoding(
      encode: { $0.rawValue.description }, decode: { Key.RawValue($0).flatMap { Key(rawValue: $0) } })
  }
}

extension RemoteKeyCoding where Key == UUID {
  /// The usual 36 characters.
  public static var uuidString: RemoteKeyCoding {
    RemoteKeyCoding(encode: { $0.uuidString }, decode: { UUID(uuidString: $0) })
  }
}

/// How values become bytes in a remote tier, and bytes values.
public struct RemoteValueCoding<Value: Sendable>: Sendable {
  /// A number that goes up whenever the meaning of the bytes changes. Bytes of another version are a miss.
  public var version: UInt32
  /// The bytes of a value.
  public var encode: @Sendable (Value) throws -> [UInt8]
  /// The value of bytes; throws for garbage, which is then a miss.
  public var decode: @Sendable ([UInt8]) throws -> Value

  /// A coding of your own: a property list, protobuf, compression.
  public init(
    version: UInt32 = 1, encode: @escaping @Sendable (Value) throws -> [UInt8],
    decode: @escaping @Sendable ([UInt8]) throws -> Value
  ) {
    self.version = version
    self.encode = encode
    self.decode = decode
  }
}

extension RemoteValueCoding where Value: Codable {
  /// JSON. Numbers that it does not know are written as in snapshots: `"inf"`, `"-inf"`, `"nan"`.
  public static func json(version: UInt32 = 1) -> RemoteValueCoding {
    RemoteValueCoding(
      version: version,
      encode: {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
          positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return Array(try encoder.encode($0))
      },
      decode: {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
          positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try decoder.decode(Value.self, from: Data($0))
      })
  }
}
