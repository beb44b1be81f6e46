/// All samples of a profile as flat arrays: 4 bytes a frame, 8 bytes a value, 24 bytes a label.
public struct SampleTable: Sendable {
  public let valuesPerSample: Int
  public private(set) var count = 0

  /// Indices of locations, leaf first, sample after sample.
  var frames: [UInt32] = []
  /// Per sample the end of its frames; the start is the end of the one before.
  var frameEnds: [UInt32] = []
  /// `valuesPerSample` numbers a sample.
  var values: [Int64] = []
  var labels: [Profile.Label] = []
  /// Empty as long as no sample has a label.
  var labelEnds: [UInt32] = []

  public init(valuesPerSample: Int) { self.valuesPerSample = valuesPerSample }

  /// - Parameter mostValues: no more values than this will come, whatever the number of samples.
  mutating func reserve(samples: Int, frames: Int, mostValues: Int = .max) {
    self.frames.reserveCapacity(frames)
    frameEnds.reserveCapacity(samples)
    let (wanted, overflow) = samples.multipliedReportingOverflow(by: valuesPerSample)
    values.reserveCapacity(overflow ? mostValues : min(wanted, mostValues))
  }

  func frameRange(_ index: Int) -> Range<Int> {
    (index == 0 ? 0 : Int(frameEnds[index - 1]))..<Int(frameEnds[index])
  }

  func labelRange(_ index: Int) -> Range<Int> {
    if labelEnds.isEmpty { return 0..<0 }
    return (index == 0 ? 0 : Int(labelEnds[index - 1]))..<Int(labelEnds[index])
  }

  /// Indices of locations, leaf first.
  public func stack(_ index: Int) -> ArraySlice<UInt32> { frames[frameRange(index)] }

  public func values(_ index: Int) -> ArraySlice<Int64> {
    values[index * valuesPerSample..<(index + 1) * valuesPerSample]
  }

  public func value(_ index: Int, _ type: Int) -> Int64 { values[index * valuesPerSample + type] }

  public func labels(_ index: Int) -> ArraySlice<Profile.Label> { labels[labelRange(index)] }

  /// Adds a sample. `values` beyond `valuesPerSample` are dropped, missing ones are 0.
  public mutating func append(
    stack: some Collection<UInt32>, values: some Collection<Int64>, labels: some Collection<Profile.Label>
  ) {
    frames.append(contentsOf: stack)
    var missing = valuesPerSample
    for value in values.prefix(valuesPerSample) {
      self.values.append(value)
      missing -= 1
    }
    for _ in 0..<missing { self.values.append(0) }
    self.labels.append(contentsOf: labels)
    finishSample()
  }

  /// A new table out of this one's samples: `write` appends what becomes of each.
  func rewritten(_ write: (_ index: Int, _ new: inout SampleTable) -> Void) -> SampleTable {
    var result = SampleTable(valuesPerSample: valuesPerSample)
    result.reserve(samples: count, frames: frames.count)
    for index in 0..<count { write(index, &result) }
    return result
  }

  /// Closes the sample whose frames, values and labels were just appended.
  mutating func finishSample() {
    frameEnds.append(UInt32(truncatingIfNeeded: frames.count))
    if !labels.isEmpty || !labelEnds.isEmpty {
      // The first label of all: the samples before have none.
      if labelEnds.isEmpty { labelEnds = [UInt32](repeating: 0, count: count) }
      labelEnds.append(UInt32(truncatingIfNeeded: labels.count))
    }
    count += 1
  }

  /// Adds numbers to the values of a sample; sums that do not fit stay at the limit.
  mutating func add(_ other: ArraySlice<Int64>, to index: Int) {
    var slot = index * valuesPerSample
    for value in other {
      values[slot] = values[slot].addingClamped(value)
      slot += 1
    }
  }

  func isZero(_ index: Int) -> Bool { values(index).allSatisfy { $0 == 0 } }
}
