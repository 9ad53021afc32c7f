public import FermataProtocol
internal import SwiftProtobuf
internal import NNG

/// The events of one run, or of all, in order and each exactly once, for as long as it is read.
///
/// It subscribes first, then reads, then goes live; what the socket dropped it reads. It survives a restart of the
/// server. It ends by an error only when the server refuses to be read.
public struct Tail: AsyncSequence, Sendable {
    public typealias Element = FermataEvent

    let client: Client
    let eventsURL: String
    /// Nil: all runs.
    let run: RunID?
    let after: UInt64

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    public struct Iterator: AsyncIteratorProtocol {
        private let tail: Tail
        private var live: AsyncStream<Feed.Message>.AsyncIterator?
        /// Read and not handed out yet, in reverse.
        private var ready: [FermataEvent] = []
        /// The last seq, or offset, that is in `ready` or was handed out.
        private var last: UInt64
        private var mustRead = true
        /// Of the last tick: if it has not moved since, nothing was missed.
        private var tickOffset: UInt64 = 0

        init(_ tail: Tail) {
            self.tail = tail
            last = tail.after
        }

        public mutating func next() async throws -> FermataEvent? {
            while true {
                if let event = ready.popLast() { return event }
                if Task.isCancelled { return nil }
                if live == nil {
                    let letters = [Topic.event] + (tail.run?.bytes ?? [])
                    live = try Feed.at(tail.eventsURL).listen([letters, [Topic.tick]]).makeAsyncIterator()
                }
                if mustRead {
                    try await read()
                    continue
                }
                guard let message = await live!.next() else { return nil }
                try await take(message)
            }
        }

        private mutating func take(_ message: Feed.Message) async throws {
            switch message {
            case .connected: mustRead = true
            case .event(let event):
                guard tail.run == nil || event.run == tail.run!.description else { return }
                let number = tail.run == nil ? event.offset : event.seq
                guard number > last else { return }
                if number == last + 1, !event.truncated {
                    ready = [event]
                    last = number
                } else {
                    mustRead = true
                }
            case .tick(let tick):
                // What was dropped last has no successor that would show the gap.
                if tick.lastOffset != tickOffset, tail.run != nil || tick.lastOffset > last { mustRead = true }
                tickOffset = tick.lastOffset
            case .status, .text: break
            }
        }

        private mutating func read() async throws {
            do {
                let reply = try await tail.client.send(
                    FermataReadEvents.with {
                        $0.run = tail.run?.description ?? ""
                        $0.after = last
                    })
                if let event = reply.events.last { last = tail.run == nil ? event.offset : event.seq }
                ready = reply.events.reversed()
                mustRead = reply.more
            } catch {
                guard error.isPassing else { throw error }
                // The server restarts, or has too much to do: the connection, or the next tick, says when to read.
                mustRead = false
                tickOffset = 0
            }
        }
    }
}

extension Client {
    /// The events of one run (`after` is a seq) or, without `run`, of all (`after` is an offset).
    public func tail(run: RunID? = nil, after: UInt64 = 0) async throws(ClientError) -> Tail {
        let hello = try await send(FermataHello.with { $0.client = "fermata-client" })
        return Tail(client: self, eventsURL: hello.eventsURL, run: run, after: after)
    }

    /// Text of all runs as it streams, from now on: when this returns, the connection is there, so that nothing is
    /// missed of a run that is launched after it. Not journaled, and pieces may be missing: their numbers show it, and
    /// the event that ends the stream has the whole text.
    public func text() async throws(ClientError) -> AsyncStream<FermataTextDelta> {
        let hello = try await send(FermataHello.with { $0.client = "fermata-client" })
        let messages = try Feed.at(hello.textURL).listen([[Topic.text]])
        let (connected, connection) = AsyncStream.makeStream(of: Void.self)
        let stream = AsyncStream { continuation in
            let task = Task {
                for await message in messages {
                    switch message {
                    case .connected: connection.finish()
                    case .text(let delta): continuation.yield(delta)
                    case .event, .status, .tick: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
        // Without the socket there is no live text, and everything else goes on.
        let limit = Task {
            try await Task.sleep(for: .seconds(1))
            connection.finish()
        }
        for await _ in connected {}
        limit.cancel()
        return stream
    }

    /// Waits until a run has had one of these statuses, for as long as it takes, a restart of the server included.
    ///
    /// The answer is the run as it is then, which may have moved on already. While the server has no place for one more who
    /// waits, it is asked every two seconds or more often; of the statuses in between it then tells nothing.
    ///
    /// - Parameter statuses: at least one.
    /// - Throws: `refused` with `WRONG_STATUS` as soon as none of them can come any more: the run was stopped.
    public func wait(
        for statuses: [FermataStatus], run: String
    ) async throws(ClientError) -> FermataRunSummary {
        precondition(!statuses.isEmpty, "a status to wait for is needed")
        let id = try await send(FermataGetRun.with { $0.run = run }).run.id
        let get = FermataGetRun.with {
            $0.run = id
            $0.until = statuses
            $0.waitMs = 20_000
        }
        return try await answer(to: get).run
    }
}
