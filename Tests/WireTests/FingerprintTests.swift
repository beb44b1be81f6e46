import Testing

@testable import Wire

@Suite struct FingerprintTests {
  private func fold(_ sql: String, _ dialect: SQLFolder.Dialect = .postgresql) -> Fingerprint {
    Fingerprint(sql: Array(sql.utf8), dialect)
  }

  @Test(arguments: [
    ("SELECT 1", "SELECT ?"),
    ("select * from t where a = 'x''y' and b = -5.3e-2;", "select * from t where a = ? and b = ?"),
    ("SELECT id FROM t WHERE id IN (1, 2,3)", "SELECT id FROM t WHERE id IN (?…)"),
    ("SELECT id FROM t WHERE id IN (1)", "SELECT id FROM t WHERE id IN (?)"),
    ("INSERT INTO t (a, b) VALUES (1,'a'), (2,'b'), (3,'c')", "INSERT INTO t (a, b) VALUES (?…)"),
    ("SELECT  a1,\n  `b 2` FROM \"T\" -- comment 5\n WHERE x=$1", "SELECT a1, `b 2` FROM \"T\" WHERE x=?"),
    ("SELECT /* 'not a string */ f(a, 5) FROM t", "SELECT f(a, ?) FROM t"),
    ("SELECT E'it\\'s', 'C:\\' FROM t", "SELECT E?, ? FROM t"),
    ("SELECT $$it's$$, $tag$ $$ 'x' $tag$, $1", "SELECT ?, ?, ?"),
    (
      "SELECT x FROM t WHERE id IN (SELECT id FROM u WHERE n > 5)",
      "SELECT x FROM t WHERE id IN (SELECT id FROM u WHERE n > ?)"
    ),
    ("SELECT a::text, now() FROM t LIMIT 10 OFFSET 20", "SELECT a::text, now() FROM t LIMIT ? OFFSET ?"),
    ("SELECT a-1, b - 2, c+3 FROM t", "SELECT a-?, b - ?, c+? FROM t"),
    ("SELECT 0xff, 12abc FROM t", "SELECT ?, ? FROM t"),
    ("CALL f((1,2),(3,4))", "CALL f((?…))"),
  ])
  func folds(sql: String, expected: String) { #expect(fold(sql).text == expected) }

  @Test func countsTheLongestList() {
    let ids = (1...3_181).map(String.init).joined(separator: ", ")
    let folded = fold("SELECT * FROM chances WHERE id IN (\(ids)) AND kind IN (1, 2)")
    #expect(folded.text == "SELECT * FROM chances WHERE id IN (?…) AND kind IN (?…)")
    #expect(folded.longestList == 3_181)
    #expect(fold("INSERT INTO t VALUES (1,2),(3,4),(5,6)").longestList == 3)
    #expect(fold("SELECT f(a, b)").longestList == 0)
  }

  @Test func secretsDoNotCome() {
    #expect(fold("SELECT 'C:\\', 'secret'").text == "SELECT ?, ?")
    #expect(fold("SELECT 'it\\'s', \"secret\", 'secret' # secret", .mysql).text == "SELECT ?, ?, ?")
    #expect(fold("SELECT $a$ ' $a$, 'secret'").text == "SELECT ?, ?")
    for sql in [
      "SELECT * FROM users WHERE token = 'secret'", "SET PASSWORD = 'secret'", "SELECT 'secret", "VALUES ('secret',1)",
    ] {
      #expect(!fold(sql).text.contains("secret"))
    }
  }

  @Test func redisKeysLoseTheirNumbers() {
    func fold(_ words: [String]) -> Fingerprint? {
      Fingerprint(redis: RESPReader.Value(kind: 42, strings: Array(words.prefix(3)), rows: UInt64(words.count)))
    }
    #expect(fold(["get", "user:4711:cart"])?.text == "GET user:?:cart")
    #expect(fold(["MGET", "a1", "a2", "a3"])?.text == "MGET a? …")
    #expect(fold(["MGET", "a1", "a2", "a3"])?.longestList == 3)
    #expect(fold(["AUTH", "secret"])?.text == "AUTH")
  }
}
