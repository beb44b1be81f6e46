import NIOCore
import Synchronization

struct RetainCycleFault: Fault {
  func connectionHandlers() -> [any RemovableChannelHandler] { [ConnectionLog()] }
  var count: Int { ConnectionLog.opened.load(ordering: .relaxed) - ConnectionLog.freed.load(ordering: .relaxed) }
}

/// What the service remembers of a connection while it lasts. Used on the connection's event loop only.
final class ConnectionLog: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  static let opened = Atomic<Int>(0)
  static let freed = Atomic<Int>(0)

  private var lines: [String] = []
  private var buffer = [UInt8](repeating: 1, count: 4_096)
  private var onClose: (() -> Void)?

  init() {
    Self.opened.add(1, ordering: .relaxed)
    // The bug: the log holds the closure, the closure holds the log.
    onClose = { self.lines.append("closed") }
  }

  deinit { Self.freed.add(1, ordering: .relaxed) }

  func channelActive(context: ChannelHandlerContext) {
    lines.append("opened by \(context.remoteAddress?.description ?? "unknown")")
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    onClose?()
    buffer[0] &+= 1
    context.fireChannelInactive()
  }
}
