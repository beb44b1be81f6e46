/// Places of a container in an order of which each beginning is spread over all of it: every place once.
///
/// Steps of the golden section of the length, rounded to a number that has no factor in common with it (Knuth, The Art of Computer Programming 3, 6.4:
/// each new point falls into one of the largest gaps). Steps of a round number would see one kind alone of elements that alternate.
struct SpreadPlaces: IteratorProtocol {
  private let count: Int
  private let step: Int
  private var place = 0

  /// - Parameter count: length of the container, more than 0.
  init(count: Int) {
    self.count = count
    var step = max(1, Int(Double(count) * 0.618_033_988_749_895))
    while step > 1, Self.greatestCommonDivisor(step, count) != 1 { step -= 1 }
    self.step = step
  }

  mutating func next() -> Int? {
    let current = place
    place = place >= count - step ? place - (count - step) : place + step
    return current
  }

  private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
    var (larger, smaller) = (first, second)
    while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
    return larger
  }
}
