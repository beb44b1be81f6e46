import Measurement

/// What a sampler may be set to, and how it starts unless said otherwise.
public enum SamplerSettings {
  /// Average number of bytes between two samples; 1 takes every allocation.
  public static let intervals = ByteCount(UInt64(1))...ByteCount.mib(1 << 20)
  public static let defaultInterval = ByteCount.kib(512)
  /// Of a table's file or memory.
  public static let tableSizes = ByteCount.mib(1)...ByteCount.mib(1024)
  public static let defaultTableSize = ByteCount.mib(16)
  /// What the tables of processes that a sampled one starts may take together (`followed.c`).
  public static let mostFollowed = ByteCount.mib(512)
}
