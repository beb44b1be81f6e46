// holderzoo views N view|copied   N substrings, N array slices and N slices of Data of large buffers, or copies of what they show
import FoundationEssentials

nonisolated(unsafe) var words: [Substring] = []
nonisolated(unsafe) var copiedWords: [String] = []
nonisolated(unsafe) var samples: [Int: ArraySlice<Double>] = [:]
nonisolated(unsafe) var copiedSamples: [Int: [Double]] = [:]
nonisolated(unsafe) var headers: [Header] = []

final class Header {
  let number: Int
  let bytes: Data
  init(_ number: Int, _ bytes: Data) {
    self.number = number
    self.bytes = bytes
  }
}

func holdViews(_ count: Int, copied: Bool) {
  for number in 0..<count {
    let line = String(repeating: "all of a line is kept, ", count: 200) + "\(number)"
    let word = line.prefix(40)
    if copied { copiedWords.append(String(word)) } else { words.append(word) }
    let sample = [Double](repeating: Double(number), count: 1000)[10..<20]
    if copied { copiedSamples[number] = Array(sample) } else { samples[number] = sample }
    let head = Data(repeating: UInt8(truncatingIfNeeded: number), count: 5000).prefix(100)
    headers.append(Header(number, copied ? Data(Array(head)) : head))
  }
}
