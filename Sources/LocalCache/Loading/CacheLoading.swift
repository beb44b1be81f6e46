public struct CacheLoading: Sendable {
  public init() {}
}
