extension MetadataDecoder {
  /// Metadata of a type that is not generic, from its descriptor; nil where it does not exist before it is first asked for.
  ///
  /// Found through the metadata access function, which loads the address (stripped programs keep it), else by symbol. What is
  /// found counts only if it refers back to the descriptor.
  func metadata(of descriptor: ContextDescriptor) -> UInt64? {
    if let known = descriptorMetadata[descriptor.address] { return known }
    let found = accessedMetadata(descriptor) ?? symbolMetadata(descriptor)
    descriptorMetadata[descriptor.address] = .some(found)
    return found
  }

  private func isMetadata(_ address: UInt64, of descriptor: ContextDescriptor) -> Bool {
    self.descriptor(ofMetadata: address)?.address == descriptor.address
      && ValueWitnesses(of: address, in: memory) != nil
  }

  /// The first instructions load the metadata's address, or that of a cache variable that holds it: `lea`s and `mov`s relative to
  /// `%rip`, into whatever register.
  private func accessedMetadata(_ descriptor: ContextDescriptor) -> UInt64? {
    guard let function = memory.relative(descriptor.address &+ 12), let code = memory.bytes(function, count: 48) else {
      return nil
    }
    for index in 0..<code.count - 7 where code[index] & 0xfb == 0x48 && code[index + 2] & 0xc7 == 0x05 {
      guard code[index + 1] == 0x8d || code[index + 1] == 0x8b,
        let offset: Int32 = memory.load(at: function &+ UInt64(index + 3))
      else { continue }
      let target = function &+ UInt64(index + 7) &+ UInt64(bitPattern: Int64(offset))
      if isMetadata(target, of: descriptor) { return target }
      if let cached = memory.word(target), cached != 0, isMetadata(cached, of: descriptor) { return cached }
    }
    return nil
  }

  private func symbolMetadata(_ descriptor: ContextDescriptor) -> UInt64? {
    guard let symbol = symbols.symbol(at: descriptor.address), symbol.address == descriptor.address,
      symbol.mangledName.hasSuffix("Mn"),
      let address = symbols.address(of: String(symbol.mangledName.dropLast(2)) + "N"),
      isMetadata(address, of: descriptor)
    else { return nil }
    return address
  }
}
