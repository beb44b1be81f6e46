import Foundation
import TestSupport
import Testing

@testable import HeapGraph
@testable import Reports

/// The loader of the real front end reads what `memwhy export` writes. Skipped where no Chromium is installed.
@Suite(.timeLimit(.minutes(10))) struct DevToolsTests {
  /// Two chains and a list of many, with names that need escaping.
  private var report: HolderReport {
    func holder(_ name: String, _ bytes: UInt64, _ children: [Holder]) -> Holder {
      Holder(
        kind: .blocks, name: name, field: ".next", count: 3, ownBytes: bytes,
        retainedBytes: children.reduce(bytes) { $0 + $1.retainedBytes }, children: children)
    }
    let users = holder("[String : \"User\"] storage\u{7}", 4000, (0..<50).map { holder("User\\\($0)", 100, []) })
    let title = NamedRoot(kind: .global, title: "users : [String : User]")
    let root = Holder(
      kind: .root, name: title.title, root: title, field: "", count: 1, ownBytes: 0, retainedBytes: 9000,
      children: [users])
    return HolderReport(reachableBytes: 9500, reachableBlocks: 170, holders: [root], otherCount: 3, otherBytes: 500)
  }

  @Test(.enabled(if: Chromium.find() != nil, "Chromium is not installed (Debian: chromium)"))
  func theFrontEndLoadsIt() throws {
    let path = try #require(Chromium.find())
    let browser = try Chromium(path, seconds: 90)
    defer { browser.stop() }
    let page = try browser.call("Target.createTarget", ["url": "devtools://devtools/bundled/inspector.html"])
    let target = try browser.call(
      "Target.attachToTarget", ["targetId": page["targetId"] ?? "", "flatten": true])
    let session = try #require(target["sessionId"] as? String)
    let text = String(decoding: HolderExport.heapsnapshot.render(report), as: UTF8.self)
    let literal = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    // The worker's own classes; a second one shares the work as in the front end (devtools-frontend
    // front_end/entrypoints/heap_snapshot_worker/HeapSnapshotLoader.ts).
    let script = """
      (async () => {
        while (!location.href.startsWith('devtools:')) await new Promise(done => setTimeout(done, 50));
        const worker = await import('devtools://devtools/bundled/entrypoints/heap_snapshot_worker/heap_snapshot_worker.js');
        const loader = new worker.HeapSnapshotLoader.HeapSnapshotLoader(
          new worker.HeapSnapshotWorkerDispatcher.HeapSnapshotWorkerDispatcher(() => {}));
        loader.write(\(literal));
        loader.close();
        const channel = new MessageChannel();
        if (worker.HeapSnapshot.SecondaryInitManager) new worker.HeapSnapshot.SecondaryInitManager(channel.port2);
        const snapshot = await loader.buildSnapshot(channel.port1);
        return JSON.stringify([snapshot.nodeCount, snapshot.totalSize, snapshot.rootNode().retainedSize()]);
      })()
      """
    let answer = try browser.call(
      "Runtime.evaluate", ["expression": script, "awaitPromise": true, "returnByValue": true], session: session)
    let value = (answer["result"] as? [String: Any])?["value"] as? String
    // The top, the root, its storage and 50 users, and what is summed up: every byte of them, all kept by the top.
    #expect(value == "[54,9500,9500]", "\(answer)")
  }
}
