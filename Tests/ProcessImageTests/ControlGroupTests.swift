import Foundation
import Testing

@testable import ProcessImage

struct ControlGroupTests {
  /// Folders as the kernel's, with these files.
  private func tree<T>(_ files: [String: String], _ body: (String) throws -> T) throws -> T {
    let root = NSTemporaryDirectory() + "memwhy-groups-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: root) }
    for (name, text) in files {
      let folder = (root + "/" + name as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: root + "/" + name, atomically: true, encoding: .utf8)
    }
    return try body(root)
  }

  @Test func aFrozenAncestorIsNamed() throws {
    let files = [
      "pod/cgroup.freeze": "1\n", "pod/a/cgroup.freeze": "0\n", "pod/a/cgroup.events": "populated 1\nfrozen 1\n",
      "free/cgroup.freeze": "0\n", "free/cgroup.events": "populated 1\nfrozen 0\n",
    ]
    try tree(files) { root in
      let mounts = [ControlGroupMount(folder: root, root: "/", isUnified: true)]
      let frozen = FrozenGroup([ControlGroupMembership(isUnified: true, path: "/pod/a")], mounts: mounts)
      #expect(frozen?.folder == root + "/pod" && frozen?.canStop == true)
      #expect(FrozenGroup([ControlGroupMembership(isUnified: true, path: "/free")], mounts: mounts) == nil)
    }
  }

  @Test func theFreezerOfVersionOneHasItsOwnHierarchy() throws {
    let files = ["a/freezer.state": "FROZEN\n", "a/freezer.self_freezing": "1\n", "b/freezer.state": "THAWED\n"]
    try tree(files) { root in
      let mounts = [
        ControlGroupMount(folder: "/nowhere", root: "/", isUnified: false, controllers: ["rw", "memory"]),
        ControlGroupMount(folder: root, root: "/", isUnified: false, controllers: ["rw", "freezer"]),
      ]
      func group(_ path: String) -> FrozenGroup? {
        FrozenGroup(
          [
            ControlGroupMembership(isUnified: false, path: "/a", controllers: ["memory"]),
            ControlGroupMembership(isUnified: false, path: path, controllers: ["freezer"]),
          ], mounts: mounts)
      }
      #expect(group("/a")?.folder == root + "/a" && group("/a")?.canStop == false)
      #expect(group("/b") == nil)
    }
  }

  /// A sandbox without `/sys/fs/cgroup`: limits that cannot be read are said.
  @Test func groupsWithoutAMountAreHidden() {
    let unified = ControlGroupMembership(isUnified: true, path: "/")
    let memory = ControlGroupMembership(isUnified: false, path: "/a", controllers: ["memory"])
    #expect(MemoryLimits([unified], mounts: []).isPartlyHidden)
    #expect(MemoryLimits([unified, memory], mounts: []).isPartlyHidden)
    #expect(!MemoryLimits([], mounts: []).isPartlyHidden)
    // Where version 1 counts the memory, version 2 need not be mounted.
    let old = ControlGroupMount(folder: "/proc/self", root: "/a", isUnified: false, controllers: ["memory"])
    #expect(!MemoryLimits([unified, memory], mounts: [old]).isPartlyHidden)
  }

  @Test func bothVersionsAreRead() {
    let groups = ControlGroupMembership.parse(Array("4:cpu,memory:/a:b\n3:pids:/c\n0::/d e\nnonsense\n1:x\n".utf8))
    #expect(
      groups == [
        ControlGroupMembership(isUnified: false, path: "/a:b", controllers: ["cpu", "memory"]),
        ControlGroupMembership(isUnified: false, path: "/c", controllers: ["pids"]),
        ControlGroupMembership(isUnified: true, path: "/d e"),
      ])
    #expect(groups.map(\.accountsForMemory) == [true, false, true])
  }

  @Test func mountsOfOtherKindsAreLeftOut() {
    let mounts = ControlGroupMount.parse(
      Array(
        """
        22 1 0:20 / /proc rw - proc proc rw
        30 25 0:26 /box /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw
        31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
        32 25 0:28 / /sys/fs/cgroup/pids rw -
        """.utf8))
    let unified = ControlGroupMount(folder: "/sys/fs/cgroup", root: "/box", isUnified: true)
    let memory = ControlGroupMount(
      folder: "/sys/fs/cgroup/memory", root: "/", isUnified: false, controllers: ["rw", "memory"])
    #expect(mounts == [unified, memory])
    #expect(unified.shows(ControlGroupMembership(isUnified: true, path: "/")))
    #expect(!memory.shows(ControlGroupMembership(isUnified: true, path: "/")))
  }

  @Test func groupsOutsideOfTheMountAreHidden() {
    let mount = ControlGroupMount(folder: "/proc", root: "/box", isUnified: true)
    var isHidden = false
    #expect(mount.folders(for: "/box/self", isHidden: &isHidden) == ["/proc/self", "/proc"])
    #expect(!isHidden)
    #expect(mount.folders(for: "/boxes/self", isHidden: &isHidden) == ["/proc"])
    #expect(isHidden)
    isHidden = false
    #expect(mount.folders(for: "/box/../other", isHidden: &isHidden) == ["/proc"])
    #expect(isHidden)
  }
}
