import Synchronization

struct User: Sendable {
  var name: String
  var roles: [String]
}

final class Users: Sendable {
  private let known = Mutex<[Int: User]>([:])

  func user(_ id: Int, in database: Database) async throws -> User {
    if let user = known.withLock({ $0[id] }) { return user }
    let user = try await database.user(id)
    known.withLock { $0[id] = user }
    return user
  }
}
