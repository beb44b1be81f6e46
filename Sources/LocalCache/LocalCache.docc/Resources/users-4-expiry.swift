import LocalCache

struct User: Sendable {
  var name: String
  var roles: [String]
}

final class Users: Sendable {
  private let known: LocalCache<Int, User>

  init() {
    var configuration = LocalCache<Int, User>.Configuration()
    configuration.expiry = CacheExpiry(afterWrite: .seconds(1800), jitter: 0.1)
    configuration.loading.batchSize = 200
    known = LocalCache(name: "users", limit: .bytes(.mebibytes(32)), configuration: configuration)
  }

  func user(_ id: Int, in database: Database) async throws -> User {
    try await known.value(for: id) { id in try await database.user(id) }
  }

  func users(_ ids: [Int], in database: Database) async throws -> [Int: User] {
    try await known.values(for: ids) { ids in try await database.users(ids) }
  }
}
