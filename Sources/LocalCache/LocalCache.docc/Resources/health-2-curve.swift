import LocalCache

func health(of users: LocalCache<Int, User>) {
  print(users.verdict)
  // remove: 4.8 % of 100,000 look-ups hit. With loads of 14.8 µs the cache pays from 56.0 % on. …

  for point in users.missRatioCurve.points {
    print(point.size, point.hitRatio)
  }
  let footprint = users.footprint
  print("\(footprint.entries) bytes of entries, \(footprint.holes) in holes between them")
}
