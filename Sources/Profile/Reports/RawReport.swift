/// `memwhy raw`: samples, locations and mappings as they stand in the profile.
public struct RawReport: Sendable {
  private let profile: Profile
  private let names: FunctionNames
  public let remarks: [String]

  public init(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) {
    var options = options
    options.granularity = .addresses
    options.noInlines = false
    let view = try ProfileView(try session.merged(), options)
    profile = view.profile
    names = view.names
    remarks = view.remarks
  }

  /// In pprof's form.
  public func text() -> String {
    var lines = profile.comments.map { "Comment: \($0)" }
    lines.append("PeriodType: \(profile.periodType.type) \(profile.periodType.unit)")
    lines.append("Period: \(profile.period)")
    if profile.timeNanoseconds != 0 { lines.append("Time: \(time)") }
    if profile.durationNanoseconds != 0 { lines.append("Duration: \(duration)") }
    lines.append("Samples:")
    lines.append(
      profile.sampleTypes.map {
        "\($0.type)/\($0.unit)\($0.type == profile.defaultSampleType ? "[dflt]" : "")"
      }.joined(separator: " "))
    for index in 0..<profile.samples.count { lines += sample(index) }
    lines.append("Locations")
    for index in profile.locations.indices { lines += location(index) }
    lines.append("Mappings")
    for (index, mapping) in profile.mappings.enumerated() {
      let bits =
        (mapping.hasFunctions ? "[FN]" : "") + (mapping.hasFilenames ? "[FL]" : "")
        + (mapping.hasLineNumbers ? "[LN]" : "") + (mapping.hasInlineFrames ? "[IN]" : "")
      lines.append(
        "\(index + 1): \(hex(mapping.start))/\(hex(mapping.limit))/\(hex(mapping.fileOffset)) \(profile.text(mapping.file)) "
          + "\(profile.text(mapping.buildID)) \(bits)")
    }
    return ReportText.page(lines)
  }

  private func hex(_ value: UInt64) -> String { "0x" + CFormat.hexadecimal(value) }

  private func sample(_ index: Int) -> [String] {
    var line = profile.samples.values(index).map { " " + CFormat.right(String($0), 10) }.joined() + ": "
    for location in profile.samples.stack(index) { line += "\(location + 1) " }
    var lines = [line]
    let indent = String(repeating: " ", count: 16)
    let labels = profile.samples.labels(index)
    for isNumber in [false, true] {
      var groups: [StringID: [Profile.Label]] = [:]
      for label in labels where label.isNumber == isNumber { groups[label.key, default: []].append(label) }
      guard !groups.isEmpty else { continue }
      let texts = groups.map { key, group -> String in
        let hasUnits = group.contains { $0.unit != 0 }
        let values = group.map { label in
          isNumber ? "\(label.number)" + (hasUnits ? " \(profile.text(label.unit))" : "") : profile.text(label.text)
        }
        return "\(profile.text(key)):[\(values.joined(separator: " "))]"
      }
      lines.append(indent + texts.sorted(by: isBefore).joined(separator: " "))
    }
    return lines
  }

  private func location(_ index: Int) -> [String] {
    let location = profile.locations[index]
    var head = CFormat.right(String(index + 1), 6) + ": \(hex(location.address)) "
    if let mapping = location.mapping { head += "M=\(mapping + 1) " }
    if location.isFolded { head += "[F] " }
    var lines: [String] = location.lineCount == 0 ? [head] : []
    for line in profile.lines(of: location) {
      var text = "??"
      if let function = line.function.map({ profile.functions[$0] }) {
        let name = profile.text(function.name)
        text = "\(names.display(name)) \(profile.text(function.file)):\(line.number) s=\(function.startLine)"
        if function.name != function.systemName { text += "(\(profile.text(function.systemName)))" }
      }
      lines.append(head + text)
      head = "             "
    }
    return lines
  }

  /// Local time with all digits of a second that are not 0, as Go prints it.
  private var time: String {
    let rest = profile.timeNanoseconds % 1_000_000_000
    var fraction = String(rest < 0 ? rest + 1_000_000_000 : rest)
    fraction = String(repeating: "0", count: max(0, 9 - fraction.utf8.count)) + fraction
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return CFormat.time(profile.timeNanoseconds, "%Y-%m-%d %H:%M:%S") + (fraction.isEmpty ? "" : ".\(fraction)")
      + CFormat.time(profile.timeNanoseconds, " %z %Z")
  }

  /// The first four characters of a duration in Go's form: pprof prints no more.
  private var duration: String {
    let total = profile.durationNanoseconds
    let sign = total < 0 ? "-" : ""
    let nanoseconds = Double(total.clampedMagnitude)
    func trimmed(_ value: Double) -> String {
      var text = CFormat.text("%.9f", value)
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
      return text
    }
    let text: String
    switch nanoseconds {
    case ..<1e3: text = "\(trimmed(nanoseconds))ns"
    case ..<1e6: text = "\(trimmed(nanoseconds / 1e3))µs"
    case ..<1e9: text = "\(trimmed(nanoseconds / 1e6))ms"
    default:
      let seconds = total.clampedMagnitude / 1_000_000_000
      let rest = Double(seconds % 60) + Double(total.clampedMagnitude % 1_000_000_000) / 1e9
      text =
        (seconds >= 3600 ? "\(seconds / 3600)h" : "") + (seconds >= 60 ? "\(seconds / 60 % 60)m" : "")
        + "\(trimmed(rest))s"
    }
    return String((sign + text).prefix(4))
  }
}
