internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import SwiftProtobuf

/// Reads: they never wait for a commit.
extension Control {
    func getRun(
        _ get: FermataGetRun, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if !get.until.isEmpty, !exchange.isAlone {
            throw Refusal(.invalidArgument, "a read that waits has to be alone in its message", details: ["field": "until"])
        }
        try find(get.run) { [self] found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let id): getRun(id, get, complete)
            }
        }
    }

    private func getRun(_ id: RunID, _ get: FermataGetRun, _ complete: @escaping Exchange.Completion) {
        guard !get.until.isEmpty, get.waitMs > 0 else {
            look(id, get) { complete($0) }
            return
        }
        let deadline = Clock.monotonic + Int64(min(get.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(.status(id, Set(get.until)), deadline: deadline) { [self] ending in
            switch ending {
            case .run(let run): complete(Result { try Control.reply(run, get, matched: true) })
            case .there(let reply): complete(.success(reply))
            case .events, .timedOut: look(id, get, complete)
            }
        }
        guard let number else {
            look(id, get, complete)
            return
        }
        loop.inbox.wake()
        // What was true before the waiter was entered no event will tell.
        look(id, get) { [waiters] result in
            switch result {
            case .success(let bytes):
                guard let reply = try? FermataGetRunReply(serializedBytes: bytes), reply.matched else { return }
                waiters.finish(number, .there(bytes))
            case .failure: waiters.finish(number, .timedOut)
            }
        }
    }

    /// Answers with the run as it is now.
    private func look(_ id: RunID, _ get: FermataGetRun, _ complete: @escaping Exchange.Completion) {
        if let run = published[id] {
            complete(Result { try Control.reply(run, get, matched: get.until.contains(run.status)) })
            return
        }
        readers.run { reader in
            complete(
                Result {
                    if get.calls {
                        let run = try Run(id: id, from: reader)
                        guard run.seq > 0 else { throw Refusal(.noSuchRun, "there is no run \(id)") }
                        return try Control.reply(run, get, matched: get.until.contains(run.status))
                    }
                    guard let row = try reader.run(id.journaled) else {
                        throw Refusal(.noSuchRun, "there is no run \(id)")
                    }
                    let summary = try FermataRunSummary(serializedBytes: row.summary)
                    return try FermataGetRunReply.with {
                        $0.run = summary
                        $0.matched = get.until.contains(summary.status)
                    }.serializedBytes()
                })
        }
    }

    private static func reply(_ run: Run, _ get: FermataGetRun, matched: Bool) throws -> [UInt8] {
        try FermataGetRunReply.with {
            $0.run = run.summary
            $0.matched = matched
            if get.calls {
                $0.calls = run.callMessages
                $0.queued = run.queuedMessages
            }
        }.serializedBytes()
    }

    func listRuns(_ list: FermataListRuns, _ complete: @escaping Exchange.Completion) throws {
        let limit = list.limit == 0 ? 100 : min(Int(list.limit), 1000)
        let after = try list.after.isEmpty ? nil : RunCursor(text: list.after)
        let filter = try RunFilter(list)
        readers.run { reader in
            complete(
                Result {
                    let rows = try reader.runs(
                        filter, order: list.oldestFirst ? .oldestFirst : .newestFirst, after: after, limit: limit)
                    var reply = FermataListRunsReply()
                    var bytes = 0
                    var last: RunRow?
                    for row in rows {
                        var summary = try FermataRunSummary(serializedBytes: row.summary)
                        summary.lastMessage = ""
                        bytes += row.summary.count
                        reply.runs.append(summary)
                        last = row
                        if bytes > Configuration.pageBytes { break }
                    }
                    if reply.runs.count < rows.count || rows.count == limit { reply.next = last.map { RunCursor($0).text } ?? "" }
                    return try reply.serializedBytes()
                })
        }
    }

    func listAsks(_ list: FermataListAsks, _ complete: @escaping Exchange.Completion) throws {
        let limit = list.limit == 0 ? 100 : min(Int(list.limit), 1000)
        let after = try list.after.isEmpty ? nil : AskCursor(text: list.after)
        let answer: @Sendable (RunID?) -> Void = { [readers] run in
            readers.run { reader in
                complete(
                    Result {
                        let rows = try reader.openAsks(of: run?.journaled, after: after, limit: limit)
                        var reply = FermataListAsksReply()
                        var bytes = 0
                        for row in rows {
                            reply.asks.append(try FermataAsk(serializedBytes: row.body))
                            bytes += row.body.count
                            if bytes > Configuration.pageBytes { break }
                        }
                        if reply.asks.count < rows.count || rows.count == limit {
                            reply.next = AskCursor(rows[reply.asks.count - 1]).text
                        }
                        return try reply.serializedBytes()
                    })
            }
        }
        guard !list.run.isEmpty else { return answer(nil) }
        try find(list.run) { found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let id): answer(id)
            }
        }
    }

    func readEvents(
        _ read: FermataReadEvents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if read.waitMs > 0, !exchange.isAlone {
            throw Refusal(
                .invalidArgument, "a read that waits has to be alone in its message", details: ["field": "wait_ms"])
        }
        guard !read.run.isEmpty else { return readEvents(nil, read, complete) }
        try find(read.run) { [self] found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let id): readEvents(id, read, complete)
            }
        }
    }

    private func readEvents(_ run: RunID?, _ read: FermataReadEvents, _ complete: @escaping Exchange.Completion) {
        guard read.waitMs > 0 else {
            readers.run { reader in complete(Result { try Control.events(run, read, reader).serializedBytes() }) }
            return
        }
        let deadline = Clock.monotonic + Int64(min(read.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(.event(run, after: read.after), deadline: deadline) { [readers] _ in
            readers.run { reader in complete(Result { try Control.events(run, read, reader).serializedBytes() }) }
        }
        guard let number else {
            readers.run { reader in complete(Result { try Control.events(run, read, reader).serializedBytes() }) }
            return
        }
        loop.inbox.wake()
        readers.run { [waiters] reader in
            let isThere = (try? Control.events(run, read, reader)).map { !$0.events.isEmpty } ?? true
            if isThere { waiters.finish(number, .events) }
        }
    }

    private static func events(_ run: RunID?, _ read: FermataReadEvents, _ reader: JournalReader) throws
        -> FermataReadEventsReply
    {
        let limit = read.limit == 0 ? Int.max : Int(read.limit)
        var reply = FermataReadEventsReply()
        let rows: [EventRow]
        if let run {
            rows = try reader.events(
                of: run.journaled, after: read.after, through: .max, maxBytes: Configuration.pageBytes, maxCount: limit)
            reply.last = try reader.lastSeq(of: run.journaled)
            if reply.last == 0 { throw Refusal(.noSuchRun, "there is no run \(run)") }
        } else {
            rows = try reader.events(afterOffset: read.after, maxBytes: Configuration.pageBytes, maxCount: limit)
            reply.last = try reader.lastOffset()
        }
        reply.events = try rows.map { try FermataEvent($0) }
        let end = run == nil ? reply.events.last?.offset : reply.events.last?.seq
        reply.more = (end ?? read.after) < reply.last
        return reply
    }
}

extension RunFilter {
    fileprivate init(_ list: FermataListRuns) throws(Refusal) {
        self.init()
        if !list.status.isEmpty { statuses = Set(list.status.map { Int32($0.rawValue) }) }
        if !list.agent.isEmpty { agent = list.agent }
        if !list.parent.isEmpty {
            guard let id = RunID(list.parent) else {
                throw Refusal(.invalidArgument, "parent is not the id of a run", details: ["field": "parent"])
            }
            parent = id.journaled
        }
        if list.createdAfterAt != 0 { createdAfter = list.createdAfterAt }
        if list.createdBeforeAt != 0 { createdBefore = list.createdBeforeAt }
    }
}
