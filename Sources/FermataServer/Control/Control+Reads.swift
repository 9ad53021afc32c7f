internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Reads: they never wait for a commit.
extension Control {
    func getRun(
        _ get: FermataGetRun, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if !get.until.isEmpty, !exchange.isAlone {
            throw Refusal(
                .invalidArgument, "a read that waits has to be alone in its message", details: ["field": "until"])
        }
        try find(get.run) { [self] found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let id): getRun(id, get, exchange, complete)
            }
        }
    }

    private func getRun(
        _ id: RunID, _ get: FermataGetRun, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) {
        guard !get.until.isEmpty, get.waitMs > 0 else {
            look(id, get) { complete($0) }
            return
        }
        let deadline = Clock.monotonic + Int64(min(get.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(
            .status(id, Set(get.until)), connection: exchange.connection, deadline: deadline
        ) { [self] ending in
            switch ending {
            case .run(let run):
                // The loop has other things to do than to encode for as many as may wait.
                answers.run { complete(Result { try self.reply(run, get, matched: true) }) }
            case .there(let reply): complete(.success(reply))
            case .events, .never, .timedOut: look(id, get, complete)
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
            // There is no such run, or none of the statuses can come: whoever waits is told.
            case .failure: waiters.finish(number, .never)
            }
        }
    }

    /// Answers with the run as it is now; refuses a wait for what cannot come any more.
    private func look(_ id: RunID, _ get: FermataGetRun, _ complete: @escaping Exchange.Completion) {
        if let known = published[id] {
            complete(Result { try reply(known.run, get, matched: get.until.contains(known.status)) })
            return
        }
        if get.calls {
            readers.run { [self] reader in
                complete(
                    Result {
                        let run = try JournaledRun(id: id, from: reader).run
                        guard run.seq > 0 else { throw Refusal(.noSuchRun, "there is no run \(id)") }
                        return try reply(run, get, matched: get.until.contains(run.status))
                    })
            }
            return
        }
        readers.lookUp { reader in
            complete(
                Result {
                    guard let row = try reader.run(id.journaled) else {
                        throw Refusal(.noSuchRun, "there is no run \(id)")
                    }
                    let summary = try FermataRunSummary(serializedBytes: row.summary)
                    let matched = get.until.contains(summary.status)
                    if !matched, get.waitsInVain(canStillBe: summary.canStillBe) {
                        throw Refusal.neverComes(get.until, after: summary.status)
                    }
                    return try FermataGetRunReply.with {
                        $0.run = summary
                        $0.matched = matched
                    }.serializedBytes()
                })
        }
    }

    private func reply(_ run: Run, _ get: FermataGetRun, matched: Bool) throws -> [UInt8] {
        if !matched, get.waitsInVain(canStillBe: run.canStillBe) {
            throw Refusal.neverComes(get.until, after: run.status)
        }
        return try FermataGetRunReply.with {
            $0.run = run.summary
            $0.matched = matched
            if get.calls {
                $0.calls = run.callMessages
                $0.queued = run.queuedMessages
                $0.servedTools = $0.run.waitsForTools.filter(offers.isServed)
                if run.spec.policy != .init() { $0.policy = run.spec.policy }
            }
        }.serializedBytes()
    }

    func listRuns(_ list: FermataListRuns, _ complete: @escaping Exchange.Completion) throws {
        let limit = Control.rows(list.limit)
        let after = try list.after.isEmpty ? nil : RunCursor(text: list.after)
        let filter = try RunFilter(list)
        try readers.readPage { reader in
            complete(
                Result {
                    var reply = FermataListRunsReply()
                    reply.next =
                        try Control.page(after: after, limit: limit, atOnce: 64) { after, limit in
                            try reader.runs(
                                filter, order: list.oldestFirst ? .oldestFirst : .newestFirst, after: after,
                                limit: limit)
                        } each: { row in
                            var summary = try FermataRunSummary(serializedBytes: row.summary)
                            summary.lastMessage = ""
                            reply.runs.append(summary)
                            return (row.summary.count, RunCursor(row))
                        }?.text ?? ""
                    return try reply.serializedBytes()
                })
        }
    }

    func listAsks(_ list: FermataListAsks, _ complete: @escaping Exchange.Completion) throws {
        let limit = Control.rows(list.limit)
        let after = try list.after.isEmpty ? nil : AskCursor(text: list.after)
        let answer: @Sendable (RunID?) throws(Refusal) -> Void = { [readers, askTokens] run throws(Refusal) in
            try readers.readPage { reader in
                complete(
                    Result {
                        var reply = FermataListAsksReply()
                        reply.next =
                            try Control.page(after: after, limit: limit, atOnce: 8) { after, limit in
                                try reader.openAsks(of: run?.journaled, after: after, limit: limit)
                            } each: { row in
                                var ask = try FermataAsk(serializedBytes: row.body)
                                if list.tokens, let id = RunID(ask.run) {
                                    ask.token = askTokens.token(run: id, ask: ask.number)
                                }
                                reply.asks.append(ask)
                                return (row.body.count, AskCursor(row))
                            }?.text ?? ""
                        return try reply.serializedBytes()
                    })
            }
        }
        guard !list.run.isEmpty else { return try answer(nil) }
        try find(list.run) { found in
            do throws(Refusal) {
                try answer(found.get())
            } catch {
                complete(.failure(error))
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
        guard !read.run.isEmpty else { return readEvents(nil, read, exchange, complete) }
        try find(read.run) { [self] found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let id): readEvents(id, read, exchange, complete)
            }
        }
    }

    private func readEvents(
        _ run: RunID?, _ read: FermataReadEvents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) {
        let readNow: @Sendable () -> Void = { [readers] in
            do throws(Refusal) {
                try readers.readPage { reader in
                    // It may have waited for long behind others.
                    if exchange.isGone { return complete(.failure(.nobodyThere)) }
                    complete(Result { try Control.events(run, read, reader).serializedBytes() })
                }
            } catch {
                complete(.failure(error))
            }
        }
        guard read.waitMs > 0 else { return readNow() }
        let deadline = Clock.monotonic + Int64(min(read.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(
            .event(run, after: read.after), connection: exchange.connection, deadline: deadline
        ) { [readers] _ in
            readers.run { reader in complete(Result { try Control.events(run, read, reader).serializedBytes() }) }
        }
        guard let number else { return readNow() }
        loop.inbox.wake()
        // What was committed before the waiter was entered no commit will tell.
        readers.lookUp { [waiters] reader in
            if (try? Control.hasEvents(run, after: read.after, reader)) != false { waiters.finish(number, .events) }
        }
    }

    /// Whether there is an event to read, or an error to tell.
    private static func hasEvents(_ run: RunID?, after: UInt64, _ reader: any JournalReading) throws -> Bool {
        guard let run else { return try reader.lastOffset() > after }
        let last = try reader.lastSeq(of: run.journaled)
        return last == 0 || last > after
    }

    /// How many rows a page of a list has at most.
    static func rows(_ asked: UInt32) -> Int { asked == 0 ? 100 : min(Int(asked), 1000) }

    /// Reads the rows of a page by a few at a time: what they have together may be many times what a page may have.
    ///
    /// - Parameter each: takes a row into the page; its bytes and the cursor after it.
    /// - Returns: where the next page begins, if there may be one.
    static func page<Row, Cursor>(
        after: Cursor?, limit: Int, atOnce: Int, read: (Cursor?, Int) throws -> [Row],
        each take: (Row) throws -> (bytes: Int, cursor: Cursor)
    ) throws -> Cursor? {
        var (cursor, count, bytes) = (after, 0, 0)
        while count < limit {
            let wanted = min(limit - count, atOnce)
            let rows = try read(cursor, wanted)
            for row in rows {
                let taken = try take(row)
                bytes += taken.bytes
                count += 1
                cursor = taken.cursor
                if bytes > Configuration.pageBytes { return cursor }
            }
            if rows.count < wanted { return nil }
        }
        return cursor
    }

    private static func events(_ run: RunID?, _ read: FermataReadEvents, _ reader: any JournalReading) throws
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
        if !list.agent.isEmpty {
            guard FermataAgent.isName(list.agent) else {
                throw Refusal(
                    .invalidArgument, "agent is not a name that an agent can have", details: ["field": "agent"])
            }
            agent = list.agent
        }
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

extension FermataGetRun {
    /// Whether it waits, and for nothing that can come.
    fileprivate func waitsInVain(canStillBe: (FermataStatus) -> Bool) -> Bool {
        waitMs > 0 && !until.isEmpty && !until.contains(where: canStillBe)
    }
}

extension Refusal {
    /// A read waits for statuses that the run cannot come to have any more.
    fileprivate static func neverComes(_ wanted: [FermataStatus], after now: FermataStatus) -> Refusal {
        let names = wanted.map(\.protocolName).joined(separator: " or ")
        return Refusal(
            .wrongStatus, "the run is \(now.protocolName) and will never be \(names) any more",
            details: ["status": now.protocolName])
    }
}
