import LocalCache

struct Session: Sendable, Codable {
  var user: Int
  var permissions: [String]
}

/// c := cache.New(30*time.Minute, 10*time.Minute)
func makeSessions() -> LocalCache<String, Session> {
  var configuration = LocalCache<String, Session>.Configuration()
  configuration.expiry.afterWrite = .seconds(1800)
  return LocalCache(name: "sessions", limit: .bytes(.mebibytes(128)), configuration: configuration)
}

func use(_ sessions: LocalCache<String, Session>, _ token: String) {
  // c.Set(token, session, cache.DefaultExpiration)
  sessions.set(Session(user: 1, permissions: ["read"]), for: token)
  // c.Set(token, session, 5*time.Minute)
  sessions.set(Session(user: 1, permissions: ["read"]), for: token, lifetime: .seconds(300))
  // value, found := c.Get(token)
  if let session = sessions.get(token) { print(session.user) }
  // c.Delete(token)
  sessions.remove(token)
}
