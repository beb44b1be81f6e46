import ArgumentParser

struct Seed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Create and fill the database.",
    discussion: "Example: activity-service seed --database shop.sqlite --activities 56 --chances 4800")

  @Option(help: "The SQLite file to create. One that is there is replaced only with --force.")
  var database: String

  @Option(help: "Activities that run at the same time; a user sees all but six of them.")
  var activities = 56

  @Option(help: "Chances to win, in all.")
  var chances = 4800

  @Flag(help: "Replace the file if it is there.")
  var force = false

  func validate() throws {
    if !(7...100_000).contains(activities) { throw ValidationError("--activities must be from 7 to 100000") }
    if !(0...10_000_000).contains(chances) { throw ValidationError("--chances must be from 0 to 10000000") }
  }

  func run() throws {
    let size = try Seeding.create(database, activities: activities, chances: chances, replace: force)
    print("seeded \(database): \(size.events) events, \(size.activities) activities, \(size.chances) chances")
  }
}
