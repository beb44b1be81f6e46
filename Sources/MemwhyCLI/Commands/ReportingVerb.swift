import ArgumentParser
import Profile
import Reports

/// What `diagnose`, `heap` and `leaks` share: analyse, take out what is accepted, print, and choose the exit code.
enum ReportingVerb {
  static func run(
    _ verb: String, target: TargetOptions, output: OutputOptions, findings: FindingOptions?,
    page: PageOptions? = nil, profile: String? = nil, triesTrim: Bool = false, analyzer: any Analyzer = Pipeline(),
    terminal: Terminal = .current()
  ) throws {
    // Before the process is touched: a typing mistake must not cost it a pause.
    let suppressions = try findings?.load() ?? Suppressions()
    try page?.check()
    let given = try profile.map(tree)
    let progress = Progress(isEnabled: terminal.showsProgress && !output.quiet, isQuiet: output.quiet)
    defer { progress.finish() }
    var request = try target.request(verb: verb)
    request.findsHolders = page?.html != nil && verb == "diagnose"
    request.triesTrim = triesTrim
    // What was read from standard input is not there a second time.
    if profile == nil { CountingRun.allow() }
    var report = try analyzer.report(request, progress: progress)
    CountingRun.forbid()
    report = report.replacingLeaks(suppressions.apply(to: report.leaks))
    if let given { report.profile = given }
    let text = try output.render(report, terminal: terminal)
    progress.finish()
    // First: a page that cannot be written must not cost the answer.
    Terminal.output(text)
    try page?.write { try HTMLReport(options: HTMLReport.Options(showAddresses: output.showAddresses)).render(report) }
    let status = findings?.exitStatus(for: report) ?? ExitStatus.success
    if status != ExitStatus.success { throw ExitCode(status) }
  }

  /// The stacks of a profile that was taken elsewhere.
  private static func tree(_ file: String) throws(CLIError) -> ReportModel.Tree {
    let input = ProfileInput(
      reader: ProfileReader(), debugDirectories: [], root: nil, wantsNames: true, wantsLines: false)
    var profile = try input.read(file).profile
    _ = FileSymbolizer(wantsLines: false).symbolize(&profile)
    do throws(ProfileError) { return try ReportModel.Tree(profile) } catch { throw CLIError(error) }
  }
}
