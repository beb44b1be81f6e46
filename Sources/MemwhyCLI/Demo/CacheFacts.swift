import HeapGraph

/// What `memwhy retained` says of a dictionary of dictionaries: the cache by user and what lies in it.
struct CacheFacts {
  /// The named root that holds it.
  var root: String
  /// The outer dictionary: an entry for every user.
  var users: ContainerSummary
  /// What lies in an entry; nil where that is no dictionary.
  var inner: ContainerSummary?

  /// The dictionary with integer keys that keeps most.
  static func find(_ report: HolderReport) -> CacheFacts? {
    var best: (facts: CacheFacts, bytes: UInt64)?
    for root in report.holders {
      visit(root) { holder in
        guard let users = holder.container, users.kind == .dictionary, users.keys?.kind == .integers,
          holder.retainedBytes > best?.bytes ?? 0
        else { return }
        var inner: ContainerSummary?
        visit(holder) { below in
          guard let container = below.container, container.kind == .dictionary, container.keyType == "String" else {
            return
          }
          if container.inlineBytes > inner?.inlineBytes ?? 0 { inner = container }
        }
        best = (CacheFacts(root: root.name, users: users, inner: inner), holder.retainedBytes)
      }
    }
    return best?.facts
  }

  private static func visit(_ holder: Holder, _ body: (Holder) -> Void) {
    body(holder)
    for child in holder.children { visit(child, body) }
  }

  /// Bytes that references to shared values would save; nil where values are not alike.
  var sharingSaves: UInt64? {
    guard let inner, let shapes = inner.values?.shapes,
      let now = shapes.first(where: { $0.kind == .inline })?.bytesPerContainer,
      let shared = shapes.first(where: { $0.kind == .shared })?.bytesPerContainer, now > shared
    else { return nil }
    return (now - shared).multipliedReportingOverflow(by: UInt64(inner.containers)).partialValue
  }
}
