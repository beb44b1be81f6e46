// Declarations of many kinds, to be named by the demangler tests. Its symbols matter; it is not run.
final class Session {
  var n = 0
  var onClose: (() -> Void)?
  func start(name: String, _ k: Int) async -> Int {
    let t = Task { await self.work(k) }
    return await t.value
  }
  func work(_ k: Int) async -> Int {
    try? await Task.sleep(nanoseconds: 10)
    n += k
    await helper2()
    return n
  }
  func helper2() async {}
  private func secret<A>(x: A) where A: Equatable { onClose = { print(x, self) } }
  func go() { secret(x: 4) }
  subscript(i: Int) -> Int {
    get { i + n }
    set { n = newValue }
  }
}
enum Registry {
  static let shared = Session()
  nonisolated(unsafe) static var table: [Int: Session] = [:]
}
nonisolated(unsafe) private var cache: [String: Session] = [:]
let globalLet = Session()
struct Foo: Sequence { func makeIterator() -> AnyIterator<Int> { AnyIterator { nil } } }
extension Array where Element == Int { func total() -> Int { reduce(0, +) } }
@main struct Main {
  static func main() async {
    func inner(_ a: Int) async -> Int { a }
    Registry.shared.go()
    Registry.table[1] = globalLet
    cache["a"] = globalLet
    print(await inner(4), await Registry.shared.start(name: "", 4), Registry.shared[3], [1].total())
    for x in Foo() { print(x) }
  }
}
