import CLinux
import Glibc

/// Which pages of private anonymous memory hold anything. All others are zeros, and reading them would make the kernel allocate.
public struct PresentPages: Sendable {
  /// Sorted, not overlapping, not touching.
  public private(set) var ranges: [Range<UInt64>] = []
  /// Anonymous pages in bytes by size: what a fork has to copy page table entries for. Huge pages cost one entry a 2 MiB.
  public private(set) var smallPageBytes: UInt64 = 0
  private(set) var hugePageBytes: UInt64 = 0

  static let pageSize: UInt64 = 4096
  private static let regionCapacity = 1024
  /// One request's span, so that the target's memory map is never held for long.
  private static let span: UInt64 = 64 << 20

  /// Looks at all private mappings that `wanted` accepts. O(pages); 4-8 ms per GiB.
  ///
  /// - Parameter usesScan: false for the way of kernels before 6.7.
  /// - Throws: the `errno` of the kernel, wrapped.
  init(
    pid: Int32, mappings: [Mapping], usesScan: Bool = true, wanted: (Mapping) -> Bool
  ) throws(SystemError) {
    let file = try Descriptor(reading: "/proc/\(pid)/pagemap")
    var canScan = usesScan
    var regions = [clinux_page_region](repeating: .init(), count: Self.regionCapacity)
    for mapping in mappings where wanted(mapping) {
      if canScan {
        do throws(SystemError) {
          try scan(mapping, file: file.number, regions: &regions)
          continue
        } catch {
          // A kernel before 6.7.
          guard error.code == ENOTTY || error.code == EINVAL else { throw error }
          canScan = false
        }
      }
      try readEntries(mapping, file: file)
    }
  }

  private mutating func scan(
    _ mapping: Mapping, file: Int32, regions: inout [clinux_page_region]
  ) throws(SystemError) {
    var position = mapping.start
    while position < mapping.end {
      let end = min(mapping.end, position &+ Self.span)
      var walkEnd: UInt64 = 0
      let count = regions.withUnsafeMutableBufferPointer {
        clinux_pagemap_scan(file, position, end, $0.baseAddress, UInt64($0.count), &walkEnd)
      }
      if count < 0 {
        if count == -EINTR { continue }
        throw SystemError(code: -count)
      }
      let found = regions.prefix(Int(count))
      for region in found {
        // The shared page of zeros needs no reading.
        if region.categories & UInt64(clinux_page_is_zero) != 0 { continue }
        add(
          region.start..<max(region.start, region.end),
          isFile: region.categories & UInt64(clinux_page_is_file) != 0,
          isHuge: region.categories & UInt64(clinux_page_is_huge) != 0)
      }
      // Where it looked at more than 512 regions, the kernel may name the place where it stopped to copy the first of them (6.7 to 6.18).
      let next = max(walkEnd, found.last?.end ?? 0)
      guard next > position else { break }
      position = next
    }
  }

  /// One 8-byte entry a page: bit 63 present, 62 swapped, 61 file or shared (Documentation/admin-guide/mm/pagemap.rst).
  private mutating func readEntries(_ mapping: Mapping, file: Descriptor) throws(SystemError) {
    var entries = [UInt64](repeating: 0, count: 8192)
    var position = mapping.start
    while position < mapping.end {
      let wanted = min(entries.count, Int((mapping.end - position) / Self.pageSize))
      let offset = position / Self.pageSize * 8
      let result = entries.withUnsafeMutableBytes { (buffer) -> Result<Int, SystemError> in
        Result { () throws(SystemError) in
          try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(wanted * 8)]))
        }
      }
      let count = try result.get()
      guard count >= 8 else { break }
      for index in 0..<count / 8 where entries[index] >> 62 != 0 {
        let start = position &+ UInt64(index) &* Self.pageSize
        add(start..<start &+ Self.pageSize, isFile: entries[index] >> 61 & 1 != 0, isHuge: false)
      }
      position &+= UInt64(count / 8) &* Self.pageSize
    }
  }

  /// Takes ranges in the order of their addresses; what is known already is left out.
  private mutating func add(_ found: Range<UInt64>, isFile: Bool, isHuge: Bool) {
    let start = max(found.lowerBound, ranges.last?.upperBound ?? 0)
    guard start < found.upperBound else { return }
    let range = start..<found.upperBound
    if !isFile {
      let size = range.upperBound - range.lowerBound
      if isHuge { hugePageBytes &+= size } else { smallPageBytes &+= size }
    }
    if let last = ranges.last, last.upperBound == range.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
    } else {
      ranges.append(range)
    }
  }

  /// Present bytes.
  public var byteCount: UInt64 { ranges.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) } }
}
