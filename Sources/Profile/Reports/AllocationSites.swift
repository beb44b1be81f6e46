import Measurement

/// Where samples were allocated, in a few words: the innermost function that is not the allocator or the Swift runtime.
///
/// For a symbolised profile whose samples stand for single blocks or sites; a report about blocks shows "allocated in …" with it.
public struct AllocationSites: Sendable {
  private let profile: Profile
  private let names: FunctionNames
  /// By function: belongs to the runtime.
  private let isRuntime: [Bool]
  /// By function: of the standard library or Foundation, which allocate for who calls them.
  private let isLibrary: [Bool]

  /// - Throws: `badPattern` for a profile whose `drop_frames` cannot be read.
  public init(_ profile: Profile, style: NameStyle = .short) throws(ProfileError) {
    let own = profile.dropFrames.isEmpty ? RuntimeFunctions.dropFrames : profile.dropFrames
    let drop = try Pattern("^(\(own))$", option: "the profile's drop_frames")
    self.profile = profile
    names = FunctionNames(style: style, of: profile)
    isLibrary = profile.functions.map { function in
      let name = profile.strings[function.systemName]
      return Self.libraries.contains { name.hasPrefix($0) }
    }
    isRuntime = profile.functions.map { drop.matches(Profile.withoutParameters(profile.strings[$0.name])) }
  }

  /// How mangled names of the standard library and of Foundation begin, also where they are specialised in the program's own module.
  private static let libraries = ["$ss", "$sS", "$s10Foundation", "$s20FoundationEssentials"]

  /// Names of what the compiler and the runtime put around a program's functions.
  private static let wrappers = ["reabstraction thunk", "completeTask", "swift::", "partial apply"]

  /// The stack from the program's own innermost function on, the innermost frame first: `Store.load(id:) (Store.swift:27)`, not
  /// `Array.init(repeating:count:)`; without a known line the function alone. All of it but the runtime's part where nothing is the program's.
  public func ownStack(ofSample index: Int) -> [String] {
    guard index >= 0, index < profile.samples.count else { return [] }
    let own = frames(index, withLibraries: false)
    var result: [String] = []
    for frame in own.isEmpty ? frames(index, withLibraries: true) : own
    where result.isEmpty || !Self.wrappers.contains(where: { frame.hasPrefix($0) }) {
      // One function in the source, two in the binary: the line of the inner one says more.
      let isSameInit = result.last.map {
        Self.name(frame).replacing("__allocating_init", with: "init") == Self.name($0)
      }
      if isSameInit != true || !frame.contains("__allocating_init") { result.append(frame) }
    }
    return result
  }

  /// Without the line.
  private static func name(_ frame: String) -> Substring {
    guard frame.hasSuffix(")"), let line = frame.ranges(of: " (").last else { return frame[...] }
    return frame[..<line.lowerBound]
  }

  /// Without the runtime's part.
  private func frames(_ index: Int, withLibraries: Bool) -> [String] {
    var result: [String] = []
    for location in profile.samples.stack(index) {
      for line in profile.lines(of: profile.locations[Int(location)]) {
        guard let function = line.function, !isRuntime[function] else { continue }
        // What calls the program back comes after its own functions.
        if result.isEmpty, !withLibraries, isLibrary[function] { continue }
        result.append(text(profile.functions[function], line.number))
      }
    }
    return result
  }

  private func text(_ function: Profile.Function, _ line: Int64) -> String {
    let name = SafeText.line(names.display(profile.strings[function.name]))
    let file = profile.strings[function.file]
    guard !file.isEmpty, line > 0 else { return name }
    return "\(name) (\(SafeText.line(SourcePaths.base(file))):\(line))"
  }
}
