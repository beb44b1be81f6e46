/// One kind of cause: looks at the evidence and says what it finds, or nothing.
///
/// A rule is one file in this folder, one row in `Rules.all` and one golden. It decides by its own numbers only; how findings weigh
/// against each other is `Weighing`'s business.
public protocol Rule: Sendable {
  static func findings(_ evidence: Evidence) -> [Finding]
}

/// The rules: one row each.
public enum Rules {
  public static let all: [any Rule.Type] = [
    LeakRule.self, CollectionRule.self, CacheFillingRule.self, BuffersRule.self, TasksRule.self, LiveObjectsRule.self,
    NativeRule.self,
    DuplicatesRule.self, CapacityRule.self, RetentionRule.self, ThreadsRule.self, DescriptorsRule.self,
    PageCacheRule.self, SharedMemoryRule.self, MappingsRule.self, KernelRule.self, LoadRule.self, WarmUpRule.self,
    UndecidedRule.self, SteadyRule.self,
  ]
}
