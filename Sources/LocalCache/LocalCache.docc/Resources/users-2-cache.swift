import LocalCache

struct User: Sendable {
  var name: String
  var roles: [String]
}

final class Users: Sendable {
  private let known = LocalCache<Int, User>(name: "users", limit: .bytes(.mebibytes(32)))

  func user(_ id: Int, in database: Database) async throws -> User {
    if let user = known[id] { return user }
    let user = try await database.user(id)
    known[id] = user
    return user
  }
}
