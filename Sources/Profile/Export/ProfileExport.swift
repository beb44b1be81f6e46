/// A profile in a format of another tool, chosen by the end of the file's name.
public enum ProfileExport: Sendable, Hashable, CaseIterable {
  /// One line a stack, `root;caller;leaf value`, for flame graph tools: `.collapsed`, `.folded`.
  case collapsed
  /// speedscope.app: `.speedscope.json`.
  case speedscope
  /// pprof, gzipped: `.pb.gz`; not packed: `.pb`.
  case pprof, unpackedPprof

  public init?(path: String) {
    if path.hasSuffix(".collapsed") || path.hasSuffix(".folded") {
      self = .collapsed
    } else if path.hasSuffix(".speedscope.json") || path.hasSuffix(".speedscope") {
      self = .speedscope
    } else if path.hasSuffix(".pb.gz") || path.hasSuffix(".pprof") {
      self = .pprof
    } else if path.hasSuffix(".pb") {
      self = .unpackedPprof
    } else {
      return nil
    }
  }

  /// Ends of names, for messages.
  public static let endings = ".collapsed, .speedscope.json, .pb.gz or .pb"

  /// The file's bytes. pprof keeps all kinds of values and addresses; speedscope gets one profile for each kind, collapsed stacks the chosen one.
  public func render(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) -> [UInt8] {
    switch self {
    case .collapsed: return try Self.collapsed(session, options)
    case .speedscope: return try Self.speedscope(session, options)
    case .pprof: return try PprofEncoder.gzip(Self.filtered(session, options))
    case .unpackedPprof: return PprofEncoder.encode(try Self.filtered(session, options))
    }
  }

  private static func filtered(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) -> Profile {
    var options = options
    options.granularity = .addresses
    options.noInlines = false
    // Folding is left to the reader of the file: its `drop_frames` say what to fold.
    if options.runtimeFrames != .folded { options.runtimeFrames = .shown }
    var view = try ProfileView(session, options)
    // Samples, places and names that no longer matter go.
    var profile = try ProfileMerger.merge([view.profile])
    if options.divideBy != 1 { profile.scale(by: profile.sampleTypes.map { _ in 1 / options.divideBy }) }
    view.profile = profile
    return view.profile
  }

  private static func collapsed(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) -> [UInt8] {
    let view = try ProfileView(session, options)
    let stacks = StackNames(view)
    // A semicolon separates frames.
    let names = stacks.names.map { $0.replacing(";", with: ",") }
    var sums: [[Int]: Int64] = [:]
    var order: [[Int]] = []
    for sample in 0..<view.profile.samples.count {
      let value = view.profile.samples.value(sample, view.sampleIndex)
      let stack = stacks.stack(sample)
      guard value != 0, !stack.isEmpty else { continue }
      if sums[stack] == nil { order.append(stack) }
      sums[stack, default: 0] = sums[stack, default: 0].addingClamped(value)
    }
    var bytes: [UInt8] = []
    for stack in order {
      guard let sum = sums[stack], sum != 0 else { continue }
      bytes.append(contentsOf: stack.map { names[$0] }.joined(separator: ";").utf8)
      bytes.append(contentsOf: " \(sum)\n".utf8)
    }
    return bytes
  }

  /// speedscope's own format (github.com/jlfwong/speedscope, src/lib/file-format-spec.ts, schema of version 1): `sampled` profiles over shared frames.
  private static func speedscope(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) -> [UInt8] {
    let view = try ProfileView(session, options)
    let stacks = StackNames(view)
    let samples = view.profile.samples
    var out = JSONText()
    out.raw(
      #"{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"memwhy","activeProfileIndex":"#)
    out.number(Int64(view.sampleIndex))
    out.raw(#","shared":{"frames":"#)
    out.list(stacks.names.indices) { index, out in
      out.raw(#"{"name":"#)
      out.string(stacks.names[index])
      if !stacks.files[index].isEmpty {
        out.raw(#","file":"#)
        out.string(stacks.files[index])
      }
      out.raw("}")
    }
    out.raw(#"},"profiles":"#)
    let all = (0..<samples.count).map { stacks.stack($0) }
    out.list(view.profile.sampleTypes.enumerated()) { type, out in
      // Its samples cannot be negative.
      let shown = all.indices.filter { samples.value($0, type.offset) > 0 && !all[$0].isEmpty }
      out.raw(#"{"type":"sampled","name":"#)
      out.string(type.element.type)
      out.raw(#","unit":"#)
      out.string(
        ["bytes", "nanoseconds", "microseconds", "milliseconds", "seconds"].contains(type.element.unit)
          ? type.element.unit : "none")
      out.raw(#","startValue":0,"endValue":"#)
      out.number(shown.reduce(Int64(0)) { $0.addingClamped(samples.value($1, type.offset)) })
      out.raw(#","samples":"#)
      out.list(shown) { index, out in out.list(all[index]) { frame, out in out.number(Int64(frame)) } }
      out.raw(#","weights":"#)
      out.list(shown) { index, out in out.number(samples.value(index, type.offset)) }
      out.raw("}")
    }
    out.raw("}\n")
    return out.bytes
  }
}
