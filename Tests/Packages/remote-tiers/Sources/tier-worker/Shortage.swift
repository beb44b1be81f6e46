import Foundation

/// Does something while the process cannot open anything, or cannot begin a thread; then it can again.
func short<Result>(of shortage: String?, _ body: () -> Result) -> Result {
  switch shortage {
  case "nothing-to-open":
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var none = limit
    none.rlim_cur = 0
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
    defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
    return body()
  case "no-threads":
    // Larger than any address space.
    setDefaultStack(1 << 60)
    defer { setDefaultStack(8 << 20) }
    return body()
  default: return body()
  }
}

/// How much memory threads get that say nothing of it: a call of glibc's that Swift does not see.
private func setDefaultStack(_ size: Int) {
  guard let symbol = dlsym(nil, "pthread_setattr_default_np") else { return }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, size)
  _ = unsafeBitCast(symbol, to: (@convention(c) (UnsafePointer<pthread_attr_t>) -> Int32).self)(&attributes)
  pthread_attr_destroy(&attributes)
}
