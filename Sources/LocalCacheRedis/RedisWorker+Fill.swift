#if Redis
  import LocalCache

  /// Storing under a lease.
  ///
  /// A transaction with WATCH, and not a script: a server with client-side caching sends what a script changes back to the connection that called
  /// it, NOLOOP or not (measured with Redis 7.0.15), and each loaded value would be dropped at once.
  extension RedisWorker {
    typealias Fill = (RedisFill, RedisPromise<Bool>)

    /// Looks at the leases. Nothing else may be sent meanwhile: WATCH and MULTI are states of the connection.
    func begin(_ fills: [Fill]) throws(RemoteTierError) {
      isReserved = true
      let leases = fills.map { $0.0.lease }
      let watch = [Array("WATCH".utf8)] + leases
      let look = [Array("MGET".utf8)] + leases
      try send([watch, look]) { [self] result in
        isReserved = false
        switch result {
        case .success(let replies): decide(fills, replies)
        case .failure(let error): for (_, promise) in fills { promise.resolve(.failure(error)) }
        }
      }
    }

    private func decide(_ fills: [Fill], _ replies: [RedisReply]) {
      let tokens = replies.last?.elements ?? []
      var standing: [Fill] = []
      for (index, fill) in fills.enumerated() {
        if index < tokens.count, tokens[index] == .bytes(fill.0.token), !fill.1.isResolved {
          standing.append(fill)
        } else {
          fill.1.resolve(.success(false))
        }
      }
      do {
        if standing.isEmpty { return try send([["UNWATCH"].words]) { _ in } }
        var commands = [["MULTI"].words]
        for (fill, _) in standing { commands += [fill.command, ["DEL"].words + [fill.lease]] }
        commands.append(["EXEC"].words)
        try send(commands) { [self] in finish(standing, $0) }
      } catch {
        for (_, promise) in standing { promise.resolve(.failure(error)) }
      }
    }

    /// Nothing was stored, because one of the leases has changed meanwhile: the others are looked at again, without it.
    private func again(_ fills: [Fill]) {
      var next: [RedisRequest] = []
      for (fill, promise) in fills {
        guard fill.repetitions < 8 else {
          promise.resolve(.success(false))
          continue
        }
        var fill = fill
        fill.repetitions += 1
        next.append(.fill(fill, promise))
      }
      putFirst(next)
    }

    private func finish(_ fills: [Fill], _ result: Result<[RedisReply], RemoteTierError>) {
      switch result {
      case .failure(let error): for (_, promise) in fills { promise.resolve(.failure(error)) }
      case .success(let replies):
        guard let results = replies.last?.elements else {
          // The transaction was refused, for the reason given first.
          for case .error(let reason) in replies {
            for (_, promise) in fills { promise.resolve(.failure(RemoteTierError.refused(reason))) }
            return
          }
          return again(fills)
        }
        for (index, (_, promise)) in fills.enumerated() {
          guard index * 2 < results.count else {
            promise.resolve(.failure(RemoteTierError.unavailable("a transaction with too few results")))
            continue
          }
          if case .error(let reason) = results[index * 2] {
            promise.resolve(.failure(RemoteTierError.refused(reason)))
          } else {
            promise.resolve(.success(true))
          }
        }
      }
    }
  }
#endif
