extension ProfileView {
  /// What the profile says about itself: file, build id, comments, type, time, duration.
  func labels(format: (Int64) -> String) -> [String] {
    var lines: [String] = []
    if let main = profile.mappings.first {
      if main.file != 0 { lines.append("File: \(SourcePaths.base(profile.text(main.file)))") }
      if main.buildID != 0 { lines.append("Build ID: \(profile.text(main.buildID))") }
    }
    lines += profile.comments.filter { !$0.hasPrefix("#") }
    if !sampleType.type.isEmpty { lines.append("Type: \(options.mean ? "mean_" : "")\(sampleType.type)") }
    if profile.timeNanoseconds != 0 {
      lines.append("Time: " + CFormat.time(profile.timeNanoseconds, "%b %-d, %Y at %-I:%M%P (%Z)"))
    }
    if profile.durationNanoseconds != 0 {
      let duration = ValueUnit.label(profile.durationNanoseconds, from: "nanoseconds", to: "auto")
      let (total, unit) = ValueUnit.scale(total, from: sampleType.unit, to: "nanoseconds")
      var share = ""
      if unit == "ns", total != 0 {
        share =
          "(\(ValueUnit.percentage(Int64(exactly: total.rounded(.towardZero)) ?? .max, of: profile.durationNanoseconds)))"
      }
      lines.append("Duration: \(duration), Total samples = \(format(self.total)) \(share)")
    }
    return lines
  }
}
