import Testing

@testable import ProcessImage

struct ControlGroupTests {
  @Test func bothVersionsAreRead() {
    let groups = ControlGroupMembership.parse(Array("4:cpu,memory:/a:b\n3:pids:/c\n0::/d e\nnonsense\n1:x\n".utf8))
    #expect(
      groups == [
        ControlGroupMembership(isUnified: false, path: "/a:b", accountsForMemory: true),
        ControlGroupMembership(isUnified: false, path: "/c", accountsForMemory: false),
        ControlGroupMembership(isUnified: true, path: "/d e", accountsForMemory: true),
      ])
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
    let unified = ControlGroupMount(folder: "/sys/fs/cgroup", root: "/box", isUnified: true, hasMemory: false)
    let memory = ControlGroupMount(folder: "/sys/fs/cgroup/memory", root: "/", isUnified: false, hasMemory: true)
    #expect(mounts == [unified, memory])
    #expect(unified.shows(ControlGroupMembership(isUnified: true, path: "/", accountsForMemory: true)))
    #expect(!memory.shows(ControlGroupMembership(isUnified: true, path: "/", accountsForMemory: true)))
  }

  @Test func groupsOutsideOfTheMountAreHidden() {
    let mount = ControlGroupMount(folder: "/proc", root: "/box", isUnified: true, hasMemory: false)
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
