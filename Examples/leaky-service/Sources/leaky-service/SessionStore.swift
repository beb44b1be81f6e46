/// Visits that are going on. Ended ones are taken out: this is not where memory is lost.
actor SessionStore {
  private var sessions: [Int: Session] = [:]
  private var lastID = 0
  /// Do it right.
  private let isFixed: Bool

  init(isFixed: Bool) { self.isFixed = isFixed }

  func open(user: String) -> (id: Int, session: Session) {
    let session = Session(user: user)
    if isFixed {
      session.onClose = { [weak session] in session?.journal.append("goodbye \(user)") }
    } else {
      // The bug: the session holds the closure, the closure holds the session.
      session.onClose = { session.journal.append("goodbye \(user)") }
    }
    lastID += 1
    sessions[lastID] = session
    return (lastID, session)
  }

  func close(_ id: Int) {
    sessions.removeValue(forKey: id)?.close()
  }

  var openCount: Int { sessions.count }
}
