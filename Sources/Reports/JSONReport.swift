import FoundationEssentials

/// The report as JSON: pretty, keys sorted, so that two reports can be compared line by line.
public enum JSONReport {
  /// - Throws: `ReportsError.notEncodable`.
  public static func render(_ value: some Encodable) throws(ReportsError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    } catch {
      throw .notEncodable("\(error)")
    }
  }

  /// Reads what `render` wrote.
  /// - Throws: `ReportsError.notAReport`, `.newerSchema`.
  public static func parse(_ text: String) throws(ReportsError) -> ReportModel {
    struct Header: Decodable { var schemaVersion: Int }
    let data = Data(text.utf8)
    let decoder = JSONDecoder()
    do {
      let version = try decoder.decode(Header.self, from: data).schemaVersion
      guard version <= ReportModel.currentSchemaVersion else { throw ReportsError.newerSchema(found: version) }
      return try decoder.decode(ReportModel.self, from: data)
    } catch let error as ReportsError {
      throw error
    } catch {
      throw .notAReport("\(error)")
    }
  }
}
