import GRDB

/// What stands in a column makes no sense there.
struct BadValue: Error {
  var column: String
}

/// Values of rows as they may be: SQLite keeps any type in any column, and GRDB's subscripts end the program where a value does not fit.
extension Row {
  /// - Throws: `BadValue` where the column holds no such value.
  func value<Value: DatabaseValueConvertible>(_ column: String) throws(BadValue) -> Value {
    guard let stored: DatabaseValue = self[column], let value = Value.fromDatabaseValue(stored) else {
      throw BadValue(column: column)
    }
    return value
  }

  func value<Value: DatabaseValueConvertible>(_ index: Int) throws(BadValue) -> Value {
    guard index < count, let value = Value.fromDatabaseValue(self[index] as DatabaseValue) else {
      throw BadValue(column: "\(index)")
    }
    return value
  }

  /// Times up to the year 9999: differences and sums of some of them fit into 64 bits.
  private static let times: ClosedRange<Int64> = 0...253_402_300_799_999

  /// Milliseconds since 1970, or a length of time in milliseconds.
  func time(_ column: String) throws(BadValue) -> Int64 {
    let value: Int64 = try value(column)
    guard Self.times.contains(value) else { throw BadValue(column: column) }
    return value
  }

  func time(_ index: Int) throws(BadValue) -> Int64 {
    let value: Int64 = try value(index)
    guard Self.times.contains(value) else { throw BadValue(column: "\(index)") }
    return value
  }

  /// Anything but NULL.
  func hasValue(_ index: Int) -> Bool { index < count && !(self[index] as DatabaseValue).isNull }

  /// nil where nothing is known: NULL, or no number.
  func number(_ index: Int) -> Double? {
    guard index < count, let number = Double.fromDatabaseValue(self[index] as DatabaseValue), number.isFinite else {
      return nil
    }
    return number
  }
}
