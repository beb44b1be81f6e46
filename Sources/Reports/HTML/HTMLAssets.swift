/// The style and the scripts of the pages, embedded in the program: a report needs no folder beside it.
public enum HTMLAssets {
  /// Typography, colours, cards and tables of every page.
  public static let style = text(PackageResources.page_css)
  /// The switch between light and dark.
  public static let theme = text(PackageResources.theme_js)
  /// Numbers and time axes, shared by the charts.
  public static let scales = text(PackageResources.scales_js)
  /// Memory over time, and small multiples below it.
  public static let timeline = text(PackageResources.timeline_js)
  /// Icicles and flame graphs.
  public static let icicle = text(PackageResources.icicle_js)
  /// What a saved report starts when it is opened.
  static let report = text(PackageResources.report_js)

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
