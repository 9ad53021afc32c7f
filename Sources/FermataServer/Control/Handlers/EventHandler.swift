internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Reads of events, which may wait for the next. They never wait for a commit.
struct EventHandler: FrameHandler {
    let runs: RunLookUp
    let readers: ReaderPool
    let waiters: Waiters
    /// Of the loop, which is woken to look at the deadlines of waiters.
    let inbox: Mailbox<RunLoop.Item>

    var routes: [Route] { [.read(readEvents)] }

    private func readEvents(
        _ read: FermataReadEvents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if read.waitMs > 0 { try exchange.checkIsAlone(field: "wait_ms") }
        guard !read.run.isEmpty else { return try answer(nil, read, exchange, complete) }
        try runs.find(read.run, for: complete) { id in try answer(id, read, exchange, complete) }
    }

    private func answer(
        _ run: RunID?, _ read: FermataReadEvents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws(Refusal) {
        guard read.waitMs > 0 else { return try readNow(run, read, exchange, complete) }
        let deadline = Clock.monotonic + Int64(min(read.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(
            .event(run, after: read.after), connection: exchange.connection, deadline: deadline
        ) { [readers] _ in
            readers.run { reader in complete(Result { try Self.events(run, read, reader).serializedBytes() }) }
        }
        guard let number else { return try readNow(run, read, exchange, complete) }
        inbox.wake()
        // What was committed before the waiter was entered no commit will tell.
        readers.lookUp { [waiters] reader in
            if (try? Self.hasEvents(run, after: read.after, reader)) != false { waiters.finish(number, .events) }
        }
    }

    private func readNow(
        _ run: RunID?, _ read: FermataReadEvents, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws(Refusal) {
        try readers.answerPage(complete) { reader in
            // It may have waited for long behind others.
            if exchange.isGone { throw Refusal.nobodyThere }
            return try Self.events(run, read, reader)
        }
    }

    /// Whether there is an event to read, or an error to tell.
    private static func hasEvents(_ run: RunID?, after: UInt64, _ reader: any JournalReading) throws -> Bool {
        guard let run else { return try reader.lastOffset() > after }
        let last = try reader.lastSeq(of: run.journaled)
        return last == 0 || last > after
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
