/// Field numbers of pprof's messages (google/pprof proto/profile.proto).
enum PprofField {
  enum Profile {
    static let sampleType: UInt32 = 1, sample: UInt32 = 2, mapping: UInt32 = 3, location: UInt32 = 4
    static let function: UInt32 = 5, string: UInt32 = 6, dropFrames: UInt32 = 7, keepFrames: UInt32 = 8
    static let time: UInt32 = 9, duration: UInt32 = 10, periodType: UInt32 = 11, period: UInt32 = 12
    static let comment: UInt32 = 13, defaultSampleType: UInt32 = 14
  }

  enum ValueType {
    static let type: UInt32 = 1, unit: UInt32 = 2
  }

  enum Sample {
    static let location: UInt32 = 1, value: UInt32 = 2, label: UInt32 = 3
  }

  enum Label {
    static let key: UInt32 = 1, text: UInt32 = 2, number: UInt32 = 3, unit: UInt32 = 4
  }

  enum Mapping {
    static let id: UInt32 = 1, start: UInt32 = 2, limit: UInt32 = 3, fileOffset: UInt32 = 4, file: UInt32 = 5
    static let buildID: UInt32 = 6, hasFunctions: UInt32 = 7, hasFilenames: UInt32 = 8, hasLineNumbers: UInt32 = 9
    static let hasInlineFrames: UInt32 = 10
  }

  enum Location {
    static let id: UInt32 = 1, mapping: UInt32 = 2, address: UInt32 = 3, line: UInt32 = 4, isFolded: UInt32 = 5
  }

  enum Line {
    static let function: UInt32 = 1, number: UInt32 = 2
  }

  enum Function {
    static let id: UInt32 = 1, name: UInt32 = 2, systemName: UInt32 = 3, file: UInt32 = 4, startLine: UInt32 = 5
  }
}
