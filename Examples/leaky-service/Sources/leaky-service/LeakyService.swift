import Glibc
import Hummingbird
import Synchronization

/// A small shop. Every visit leaks its session, unless it is started with `--fixed`.
///
/// `leaky-service [--fixed] [PORT]`, on the loopback interface only; port 0 (the default) takes a free one. Prints
/// `listening on 127.0.0.1:PORT` once it does.
@main
enum LeakyService {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let port = arguments.compactMap { Int($0) }.first ?? 0
    let sessions = SessionStore(isFixed: arguments.contains("--fixed"))
    let products = ProductCache(limit: 500)

    let router = Router()
    router.get("visit/:user") { _, context -> String in
      let user = try context.parameters.require("user")
      let (id, session) = await sessions.open(user: user)
      session.journal.append("hello \(user)")
      let page = await products.page(user.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0x3ff })
      session.basket[0] &+= 1
      await sessions.close(id)
      return page.html
    }
    router.get("ledger") { _, _ -> String in
      let opened = Ledger.opened.load(ordering: .relaxed)
      let freed = Ledger.freed.load(ordering: .relaxed)
      let open = await sessions.openCount
      return
        "opened=\(opened) freed=\(freed) open=\(open) leaked=\(opened - freed - open) cached=\(await products.count)\n"
    }

    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
      onServerRunning: { channel in
        print("listening on 127.0.0.1:\(channel.localAddress?.port ?? port)")
        // Standard output is fully buffered where it is a file.
        fflush(nil)
      })
    try await application.runService()
  }
}
