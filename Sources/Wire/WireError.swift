/// What of traffic could not be read, and what to do.
public enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
  case cannotRead(path: String, reason: String)
  case notACapture(path: String)
  case unsupportedLink(path: String, type: UInt32)
  case notPermitted
  case noInterface(String)
  case systemCall(String, code: Int32, message: String)

  public var description: String {
    switch self {
    case .cannotRead(let path, let reason): "cannot read \(path): \(reason); give a capture with --pcap"
    case .notACapture(let path):
      "\(path) is no capture; write one with `tcpdump -w FILE` or Wireshark (pcap or pcapng)"
    case .unsupportedLink(let path, let type):
      "\(path) was captured on a link of type \(type), which is not known; capture on Ethernet, loopback or `any`"
    case .notPermitted:
      "not permitted to see packets; run as root, or give the program the right with `setcap cap_net_raw+ep`, or read a file with --pcap"
    case .noInterface(let name): "there is no interface '\(name)'; `ip link` lists them, and `any` takes all"
    case .systemCall(let call, _, let message): "\(call) failed: \(message); read a file with --pcap instead"
    }
  }
}
