import ArgumentParser

/// A service that grew for four years without anybody minding, until its memory reached the limit.
@main
struct ActivityService: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activity-service",
    abstract: "Activities of a shop, by user, with a per-user cache in several shapes.",
    discussion: """
      Example: activity-service seed --database shop.sqlite
      Example: activity-service serve --database shop.sqlite --variant struct --port 8080
      Example: activity-service ids --database shop.sqlite --variant shared --count 100000
      """,
    subcommands: [Seed.self, Serve.self, Ids.self])
}
