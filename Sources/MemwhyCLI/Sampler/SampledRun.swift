import CLinux
import Glibc
import ProcessImage
import SamplerTable
import Timeline

/// A program under the sampler, from its start to its end: its table, its signals, and the time series beside it.
///
/// The time series is written from here and not from the program: it goes on while the program hangs, and costs it nothing.
struct SampledRun {
  struct Settings {
    var command: [String]
    var path: String
    var library: String
    var interval: UInt64
    var target: String?
    var follow: Bool
    var seed: UInt64?
    var start: ProgramStart
    /// Told what the user should know while the program runs.
    var note: @Sendable (String) -> Void = { _ in }
  }

  private let settings: Settings
  private(set) var table: TableFile
  private var writer: TableWriter
  /// Points in the table.
  private var points = 0

  /// The file was named by the user.
  private let keepsName: Bool

  init(_ settings: Settings, table: TableFile, keepsName: Bool) {
    self.settings = settings
    self.keepsName = keepsName
    self.table = table
    writer = TableWriter(descriptor: table.descriptor)
  }

  /// Signals that a program may want and that do nothing to this command: they are handed on. SIGINT, SIGTERM and SIGHUP come by
  /// `Interruption`.
  private static let handedOn = [SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGVTALRM, SIGPROF, SIGURG]

  /// Runs it to its end.
  ///
  /// - Returns: its status as wait(2) gives it.
  mutating func run() throws(CLIError) -> Int32 {
    var waited = sigset_t()
    sigemptyset(&waited)
    sigaddset(&waited, SIGCHLD)
    for signal in Self.handedOn { sigaddset(&waited, signal) }
    pthread_sigmask(SIG_BLOCK, &waited, nil)
    let pid = try settings.start.run { () throws(CLIError) in try start() }
    if !keepsName {
      // Containers of one pod may share the folder, and their process ids are the same.
      let common = "memwhy-\(name)-\(pid)"
      table.rename(to: ["\(common).table"] + (2...9).map { "\(common)-\($0).table" })
    }
    if let earlier = table.earlier {
      settings.note("the table of the life before is now \(earlier)")
    }
    let status = accompany(pid, &waited)
    writer.setExitStatus(status)
    return status
  }

  private var name: String { settings.path.fileName ?? "program" }

  // MARK: the start

  private func start() throws(CLIError) -> pid_t {
    // A number that the program does not expect to be its own; it closes it as soon as the table is mapped.
    var limit = rlimit()
    let most = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_cur : rlim_t.max
    let inherited = fcntl(table.descriptor, F_DUPFD_CLOEXEC, Int32(min(200, most / 2)))
    guard inherited >= 0 else { throw .fault("cannot hand the table on: \(systemMessage(errno))") }
    defer { close(inherited) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // Onto itself: stays open in the child.
    posix_spawn_file_actions_adddup2(&actions, inherited, inherited)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    SpawnAttributes.resetSignals(&attributes)
    var arguments = settings.command.map { strdup($0) } + [nil]
    var environment = environment(table: inherited).map { strdup($0) } + [nil]
    defer { for text in arguments + environment { free(text) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, settings.path, &actions, &attributes, &arguments, &environment)
    guard code == 0 else { throw .noInput("cannot start \(settings.path): \(systemMessage(code))") }
    return pid
  }

  private func environment(table descriptor: Int32) -> [String] {
    var result: [String] = []
    var preload = settings.library
    var place = environ
    while let entry = place.pointee {
      let text = String(cString: entry)
      if text.hasPrefix("LD_PRELOAD=") {
        // The first library comes first: an allocator that is preloaded stays below the sampler.
        preload += ":" + text.dropFirst("LD_PRELOAD=".count)
      } else if !text.hasPrefix("MEMWHY_SAMPLER_") {
        result.append(text)
      }
      place += 1
    }
    result.append("LD_PRELOAD=\(preload)")
    result.append("MEMWHY_SAMPLER_FD=\(descriptor)")
    result.append("MEMWHY_SAMPLER_INTERVAL=\(settings.interval)")
    if let target = settings.target { result.append("MEMWHY_SAMPLER_TARGET=\(target)") }
    if settings.follow, let path = table.path { result.append("MEMWHY_SAMPLER_FOLLOW=\(path)") }
    if let seed = settings.seed { result.append("MEMWHY_SAMPLER_SEED=\(seed)") }
    return result
  }

  // MARK: the time beside it

  private static let quickPoints: UInt64 = 20_000_000_000
  private static let quickInterval: UInt64 = 250_000_000
  /// Until there is a first point: a program that is still being started has none, and may not live long.
  private static let firstInterval: UInt64 = 10_000_000

  private func interval(after time: UInt64) -> UInt64 {
    if points == 0, time < Self.quickInterval { return Self.firstInterval }
    return time < Self.quickPoints ? Self.quickInterval : 1_000_000_000
  }

  /// Waits for the end, hands signals on, and takes a point four times a second at first, then every second.
  private mutating func accompany(_ pid: pid_t, _ waited: inout sigset_t) -> Int32 {
    var reader = try? ProcessReader(pid: pid, share: 0)
    let group = Procfs.isOfOwnNamespace ? ControlGroupReader(of: pid) : nil
    var kills = GroupKills()
    if let group { _ = kills.look(at: group) }
    let begin = Clocks.monotonic
    var due = Procfs.isOfOwnNamespace ? begin : .max
    if due == .max { settings.note("the table will have no time series: \(ProcessImageError.foreignProc)") }
    while true {
      var status: Int32 = 0
      // Any child: as the first process of a container this command is the parent of all that lose theirs.
      let ended = waitpid(-1, &status, WNOHANG)
      if ended > 0, ended != pid { continue }
      if ended == pid || (ended < 0 && errno == ECHILD) {
        if let group { writer.setGroupKills(kills.look(at: group)?.count ?? 0) }
        return status
      }
      let now = Clocks.monotonic
      if now >= due {
        takePoint(pid, &reader, group)
        due = now + interval(after: now - begin)
      }
      let wait = due > now ? due - now : 0
      var time = timespec(tv_sec: Int(wait / 1_000_000_000), tv_nsec: Int(wait % 1_000_000_000))
      var info = siginfo_t()
      let signal = sigtimedwait(&waited, &info, &time)
      if signal > 0, signal != SIGCHLD, info.si_code != Interruption.fromKernel { kill(pid, signal) }
    }
  }

  private mutating func takePoint(_ pid: pid_t, _ reader: inout ProcessReader?, _ group: ControlGroupReader?) {
    var sample = Sample(time: 0)
    // It is being ended, and its group empties.
    let isThere = reader?.read(into: &sample) ?? false
    if let successor = successor(pid, reader) {
      // With these the sampler goes with the process, or waits for this program.
      let goesOn = settings.target != nil || settings.follow
      reader = goesOn ? try? ProcessReader(pid: pid, share: 0) : nil
      if !goesOn { giveUp(pid, successor) }
      return
    }
    guard isThere else { return }
    if let group { _ = group.read(into: &sample) }
    func bytes(_ metric: Metric) -> UInt64? { sample[metric].map { UInt64(max($0, 0)) } }
    points += writer.isInUse ? 1 : 0
    writer.append(
      SamplerTable.Point(
        realtime: Clocks.wall, monotonic: Clocks.monotonic, rss: bytes(.rss), limit: bytes(.groupLimit),
        groupUsage: bytes(.groupUsage), swap: bytes(.swap), anonymous: bytes(.anonymous), threads: bytes(.threads)))
    writer.nameThreads(of: pid)
  }

  /// Name of the program that the process has started in place of the one that was begun; nil where it has not.
  private func successor(_ pid: pid_t, _ reader: ProcessReader?) -> String? {
    if let next = reader?.successor { return next.name }
    // A wrapper may have done so before anybody looked at it: then the table is of another program than the first look was.
    guard points == 0, settings.target == nil, !settings.follow, writer.isInUse,
      let now = Procfs.executable(of: pid), let begun = writer.program, now != begun
    else { return nil }
    return Procfs.name(of: pid)
  }

  /// The rest is another program's, which has no sampler.
  private func giveUp(_ pid: pid_t, _ successor: String) {
    writer.setReplaced()
    settings.note(
      "process \(pid) (\(name)) started another program, \(successor): what came before is in the table, the rest is not sampled; to sample it give --target \(successor)"
    )
  }

  /// What the user should know of the table, once it has ended.
  var problem: String? {
    if writer.isNotCalled {
      return "the program brings its own malloc, so nothing could be sampled; its allocator may have a profiler"
    }
    if !writer.isInUse {
      return settings.target.map { "no program '\($0)' was started: nothing was sampled" }
        ?? "nothing was sampled: the program ended before it allocated, or the loader left the sampler out"
    }
    return nil
  }
}
