import Measurement
import Profile

extension MemwhyService {
  /// An HTTP response, for whatever framework the service uses.
  public struct Response: Sendable, Hashable {
    /// 200, 400, 404, or 503 where the sampler does not run.
    public var status: Int
    /// For `Content-Type`.
    public var contentType: String
    /// A gzipped profile, or text in UTF-8.
    public var body: [UInt8]
    /// For `Content-Disposition`: the name that a browser should keep it under; nil for text.
    public var fileName: String?

    static func text(_ text: String, status: Int = 200) -> Response {
      Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }
  }

  /// Answers `GET /debug/pprof/heap`, `/debug/pprof/allocs` and `/debug/pprof/`. Whoever may ask sees names of functions and
  /// tasks: keep it on an address that is not public.
  ///
  /// - Parameters:
  ///   - path: of the request, with or without what stands in front of `debug/pprof`.
  ///   - query: without the question mark. `debug=1` gives text instead of a file, `symbolize=none` leaves names out.
  public static func response(path: String, query: String = "") -> Response {
    answer(path, query) { request throws(MemwhyServiceError) in
      if request.seconds > 0 { throw .badOption("seconds= has to wait: call response(path:query:) with await") }
      return try profile(wantsNames: request.wantsNames)
    }
  }

  /// The same, and with `seconds=N` what came and went within the next N seconds, as Go's servers do.
  public static func response(path: String, query: String = "") async -> Response {
    guard let request = try? Request(path, query), request.seconds > 0 else {
      return answer(path, query) { request throws(MemwhyServiceError) in try profile(wantsNames: request.wantsNames) }
    }
    let before: Profile?
    do throws(MemwhyServiceError) { before = try profile(wantsNames: false) } catch { return failure(error) }
    do { try await Task.sleep(for: .seconds(request.seconds)) } catch {
      return failure(.badOption("the request was given up"))
    }
    return answer(path, query) { request throws(MemwhyServiceError) in
      let after = try profile(wantsNames: false)
      do throws(ProfileError) {
        var session = try ProfileSession([after], bases: before.map { [$0] } ?? [])
        if request.wantsNames { _ = FileSymbolizer(wantsLines: false).symbolize(&session.profile) }
        return session.profile
      } catch { throw .damaged("\(error)") }
    }
  }

  /// What is asked for.
  private struct Request {
    enum Kind: String {
      case index = ""
      case heap, allocs
    }
    var kind: Kind
    var seconds = 0
    var isText = false
    var wantsNames = true

    static let longest = 3600

    /// - Throws: `badOption`; nil for a path that is not known.
    init?(_ path: String, _ query: String) throws(MemwhyServiceError) {
      var name = path.last == "/" ? String(path.dropLast()) : path
      name = name.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
      if name == "pprof" { name = "" }
      guard let kind = Kind(rawValue: name) else { return nil }
      self.kind = kind
      for part in query.split(separator: "&") {
        let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = pair.count > 1 ? pair[1] : ""
        switch pair[0] {
        case "seconds":
          guard let seconds = Int(value), (0...Self.longest).contains(seconds) else {
            throw .badOption("seconds= must be a number from 0 to \(Self.longest)")
          }
          self.seconds = seconds
        case "debug": isText = value != "0" && !value.isEmpty
        case "symbolize": wantsNames = value != "none"
        // Others are other servers': gc=1, for instance, means nothing here.
        default: break
        }
      }
    }
  }

  private static func answer(
    _ path: String, _ query: String, _ make: (Request) throws(MemwhyServiceError) -> Profile
  ) -> Response {
    do throws(MemwhyServiceError) {
      guard let request = try Request(path, query) else {
        return .text("no such profile; there are heap and allocs\n", status: 404)
      }
      if request.kind == .index { return .text(index) }
      var profile = try make(request)
      profile.defaultSampleType = request.kind == .heap ? "inuse_space" : "alloc_space"
      do throws(ProfileError) {
        if request.isText { return .text(try TopReport(ProfileSession([profile]), ProfileOptions()).text()) }
        return Response(
          status: 200, contentType: "application/octet-stream", body: try PprofEncoder.gzip(profile),
          fileName: "\(request.kind.rawValue).pb.gz")
      } catch { throw .damaged("\(error)") }
    } catch { return failure(error) }
  }

  private static func failure(_ error: MemwhyServiceError) -> Response {
    let status =
      switch error {
      case .badOption: 400
      case .silent, .anotherAllocator, .cannotCreate: 503
      case .damaged: 500
      }
    return .text("\(error)\n", status: status)
  }

  private static var index: String {
    """
    memwhy: \(state.rawValue)\(interval.map { ", one sample in \($0)" } ?? "")

    heap      memory in use, by where it was allocated
    allocs    all that was allocated since the start, freed or not

    debug=1         a table as text
    seconds=N       what came and went within N seconds
    symbolize=none  addresses without names

    go tool pprof http://HOST:PORT/debug/pprof/heap
    curl -o heap.pb.gz http://HOST:PORT/debug/pprof/heap && memwhy top heap.pb.gz

    """
  }
}
