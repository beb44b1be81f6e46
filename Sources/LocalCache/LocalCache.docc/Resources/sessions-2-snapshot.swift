import LocalCache

struct Session: Sendable, Codable {
  var user: Int
  var permissions: [String]
}

/// c.LoadFile("sessions.gob")
func warmStart(_ sessions: LocalCache<String, Session>) {
  switch sessions.readSnapshot(from: "/var/lib/service/sessions") {
  case .restored(let count): print("\(count) sessions are back")
  case .noSnapshot: print("a first start")
  case .ignored(let reason): print("starting empty: \(reason)")
  }
}

/// c.SaveFile("sessions.gob")
func beforeTheEnd(_ sessions: LocalCache<String, Session>) throws {
  try sessions.writeSnapshot(to: "/var/lib/service/sessions", maximumEntries: 50_000)
}
