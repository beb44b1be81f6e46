import Foundation

/// A service in miniature that does one turn of work for each line on stdin and answers `done LOAD`. One cause each, one type a cause.
protocol Service: AnyObject {
  init()
  /// One turn; returns what it counts as load in this turn.
  func turn(_ number: Int) -> Int
}

let services: [String: any Service.Type] = [
  "cycle": CycleService.self, "continuation": ContinuationService.self, "cache": CacheService.self,
  "tasks": TaskService.self,
  "native": NativeService.self, "native-field": NativeFieldService.self, "arenas": ArenaService.self,
  "pinned": PinnedService.self,
  "threads": ThreadService.self,
  "pipes": PipeService.self, "mappings": MappingService.self, "pool": PoolService.self, "shared": SharedService.self,
  "inflight": InFlightService.self,
  "warmup": WarmUpService.self, "sawtooth": SawtoothService.self, "steady": SteadyService.self,
  "strings": StringService.self,
  "native-leak": NativeLeakService.self,
  "per-user": PerUserCacheService.self, "registries": TwoRegistriesService.self, "weak-boxes": WeakBoxService.self,
  "slices": SliceService.self, "duplicates": DuplicateService.self, "capacity": CapacityService.self,
  "stream": StreamService.self, "finished": FinishedTaskService.self, "checked": CheckedContinuationService.self,
  "mapped-file": MappedFileService.self, "page-cache": PageCacheService.self, "close-wait": CloseWaitService.self,
  "moving": MovingService.self, "task-cache": TaskCacheService.self, "kinds": LeakKindsService.self,
  "callbacks": CallbackService.self, "backlog": BacklogService.self, "observers": ObserverService.self,
  "dead-objects": DeadObjectService.self, "children": ChildResultService.self, "actor-queue": ActorQueueService.self,
  "sleeper": SleeperService.self, "pool-queue": PoolQueueService.self,
  "jobs": JobService.self, "roomy": RoomyBufferService.self, "ring": RingService.self, "emitter": EmitterService.self,
  "daily": DailyService.self, "plateau": PlateauService.self,
]

@main
enum Main {
  static func main() {
    guard CommandLine.arguments.count > 1, let type = services[CommandLine.arguments[1]] else {
      print("usage: causes \(services.keys.sorted().joined(separator: "|"))")
      exit(64)
    }
    setvbuf(stdout, nil, _IOLBF, 0)
    let service = type.init()
    print("READY")
    var number = 0
    while readLine() != nil {
      print("done \(service.turn(number))")
      number += 1
    }
    withExtendedLifetime(service) {}
  }
}

/// Something to hold: a heap block of a class of its own with a buffer.
final class Payload {
  var bytes: [UInt8]
  private nonisolated(unsafe) static var made: UInt64 = 0
  /// Every one has other contents: equal ones would be copies.
  init(_ count: Int) {
    Self.made &+= 1
    bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: Self.made), count: count)
    withUnsafeBytes(of: Self.made) { number in
      for (index, byte) in number.enumerated() where index < count { bytes[index] = byte }
    }
  }
}

/// Work that leaves nothing: what every service does besides.
func churn() {
  var kept: [Payload] = []
  for size in 1...200 { kept.append(Payload(size * 16)) }
  kept.removeAll()
}
