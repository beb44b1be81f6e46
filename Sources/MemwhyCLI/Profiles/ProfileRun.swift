import Profile
import Reports

/// What the verbs over profiles share: read, tell what should be known, print.
enum ProfileRun {
  /// - Parameter body: makes the report; its remarks and its text.
  static func run(
    _ source: ProfileSourceOptions, _ body: (ProfileSession) throws(ProfileError) -> (remarks: [String], text: String)
  ) throws {
    let (remarks, text) = try report(source, body)
    if !source.quiet { for remark in remarks { Terminal.error("memwhy: \(remark)\n") } }
    Terminal.output(text)
  }

  /// The same for a verb that writes a file.
  static func report<Content>(
    _ source: ProfileSourceOptions, _ body: (ProfileSession) throws(ProfileError) -> Content
  ) throws -> Content {
    let progress = Progress(isEnabled: Terminal.current().showsProgress && !source.quiet, isQuiet: source.quiet)
    defer { progress.finish() }
    let session = try source.load(progress)
    progress.update("computing")
    do throws(ProfileError) { return try body(session) } catch { throw CLIError(error) }
  }

  /// A report as JSON; `rows` go by the report's own name.
  static func json<Rows: Encodable>(
    _ verb: String, _ name: String, _ rows: Rows, total: Int64, _ type: Profile.ValueType, _ remarks: [String]
  ) -> String {
    let answer = Answer(
      verb: verb, sampleType: type.type, unit: type.unit, total: total, remarks: remarks, name: name, rows: rows)
    // Numbers, texts and arrays of these cannot fail to be encoded; shares are finite.
    return (try? JSONReport.render(answer)) ?? ""
  }

  private struct Answer<Rows: Encodable>: Encodable {
    let verb, sampleType, unit: String
    let total: Int64
    let remarks: [String]
    let name: String
    let rows: Rows

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(_ text: String) { stringValue = text }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
      var out = encoder.container(keyedBy: Key.self)
      try out.encode(1, forKey: Key("schemaVersion"))
      try out.encode(verb, forKey: Key("verb"))
      try out.encode(sampleType, forKey: Key("sampleType"))
      try out.encode(unit, forKey: Key("unit"))
      try out.encode(total, forKey: Key("total"))
      try out.encode(remarks, forKey: Key("remarks"))
      try out.encode(rows, forKey: Key(name))
    }
  }
}
