internal import EventStreams
internal import FermataClient
internal import FermataProtocol
internal import HTTPTypes
internal import HummingbirdCore
internal import SwiftProtobuf

/// `GET /v1/events`: the events of all runs, or of one, as server-sent events whose ids are offsets.
///
/// Events are read by pages as fast as the client takes them: one that is slow costs a page, and one that comes back
/// with the last id that it has misses nothing.
struct EventStream: Sendable {
    private static let pageLimit: UInt32 = 500
    /// Text that is handed on at once.
    private static let chunk = 64 << 10

    /// How long a stream that the server has no place for is tried again before its client is told to come back.
    private static let patience = Duration.seconds(10)

    private let client: GatedClient
    private let bell: EventBell
    /// Nil: of all.
    private let run: String?
    /// The last event that the client has: an offset or, of one run, a seq.
    private let start: UInt64
    /// What it has, or is taken to have, as an id.
    private let startID: UInt64

    /// Finds where to begin, for as long as it takes a server that has too much to do, or restarts.
    ///
    /// - Throws: what the server refuses, before anything is sent; one that `isPassing` after ten seconds.
    static func open(_ request: Request, _ client: GatedClient, _ bell: EventBell) async throws -> EventStream {
        let deadline = ContinuousClock.now + patience
        while true {
            do {
                return try await EventStream(request, client, bell)
            } catch let error as ClientError where error.isPassing {
                let pause = error.pause
                guard ContinuousClock.now + pause < deadline else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }

    private init(_ request: Request, _ client: GatedClient, _ bell: EventBell) async throws {
        self.client = client
        self.bell = bell
        let query = request.uri.queryParameters
        let after = try Self.offset(request.headers[.lastEventID] ?? query["after"].map(String.init))
        guard let named = query["run"] else {
            run = nil
            let last = try await Self.read(client, nil, after: .max, limit: 1).last
            start = after ?? last
            startID = start
            return
        }
        let id = try await client.send(FermataGetRun.with { $0.run = String(named) }).run.id
        run = id
        let last = try await Self.read(client, id, after: .max, limit: 1).last
        start = try await after.asyncMap { try await Self.seq(before: $0, last, id, client) } ?? last
        startID = if let after { after } else { try await Self.offset(ofSeq: last, id, client) }
    }

    private static func offset(_ text: String?) throws -> UInt64? {
        guard let text, !text.isEmpty else { return nil }
        guard let number = UInt64(text), number <= UInt64(Int64.max) else {
            throw Refusal(.invalidArgument, "after is not an offset", details: ["field": "after"])
        }
        return number
    }

    /// The last event of the run that is not after an offset, found by halving: offsets grow as seqs do.
    private static func seq(
        before offset: UInt64, _ last: UInt64, _ run: String, _ client: GatedClient
    ) async throws -> UInt64 {
        var (low, high) = (UInt64(0), last)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if try await Self.offset(ofSeq: middle, run, client) <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private static func offset(ofSeq seq: UInt64, _ run: String, _ client: GatedClient) async throws -> UInt64 {
        guard seq > 0 else { return 0 }
        return try await read(client, run, after: seq - 1, limit: 1).events.first?.offset ?? 0
    }

    private static func read(
        _ client: GatedClient, _ run: String?, after: UInt64, limit: UInt32
    ) async throws -> FermataReadEventsReply {
        try await client.send(
            FermataReadEvents.with {
                $0.run = run ?? ""
                $0.after = after
                $0.limit = limit
            })
    }

    /// Sends events until the client leaves or may read no more.
    ///
    /// - Parameter write: waits until the client takes more.
    func play(_ write: (String) async throws -> Void) async throws {
        // An id without data is no event, and yet what a browser comes back with.
        try await write(EventStreamText.event(id: "\(startID)", retry: 1000))
        var position = start
        var mayHaveMore = true
        var lastWrite = ContinuousClock.now
        // Before the first read: what comes after it rings.
        var rings = bell.rings(for: run).makeAsyncIterator()
        while true {
            if !mayHaveMore {
                guard await rings.next() != nil else { return }
            }
            let page: FermataReadEventsReply
            do {
                page = try await Self.read(client, run, after: position, limit: Self.pageLimit)
            } catch let error as ClientError {
                if case .refused(let refusal) = error, !refusal.retryable {
                    return try await write(EventStreamText.event(name: "error", data: refusal.jsonString()))
                }
                // The server restarts, or has too much to do. The client may have left meanwhile.
                if .now - lastWrite > .seconds(9) {
                    try await write(EventStreamText.comment)
                    lastWrite = .now
                }
                try await Task.sleep(for: error.pause)
                mayHaveMore = true
                continue
            }
            var text = ""
            for event in page.events {
                text += EventStreamText.event(id: "\(event.offset)", data: try event.jsonString())
                position = run == nil ? event.offset : event.seq
                if text.utf8.count >= Self.chunk {
                    try await write(text)
                    text = ""
                }
            }
            // A client that is gone is noticed when something is written.
            if page.events.isEmpty, .now - lastWrite > .seconds(9) { text = EventStreamText.comment }
            if !text.isEmpty { try await write(text) }
            if !page.events.isEmpty || !text.isEmpty { lastWrite = .now }
            mayHaveMore = page.more
        }
    }
}

extension Optional {
    fileprivate func asyncMap<T>(_ transform: (Wrapped) async throws -> T) async rethrows -> T? {
        if let value = self { try await transform(value) } else { nil }
    }
}

/// The server's client for streams, which are many and read at the same moments: so many of their requests are in
/// progress at once that others find room, and the others wait for their turn here.
struct GatedClient: Sendable {
    let client: Client
    let gate: Turnstile

    func send<R: ControlRequest>(_ request: R) async throws -> R.Reply {
        let reply = try await gate.pass { try await client.send(request, timeout: .seconds(10)) }
        gate.set(places: client.connectionShare)
        return reply
    }
}

extension ClientError {
    /// When to try again: as the server says, and not all at once.
    fileprivate var pause: Duration {
        var milliseconds: UInt32 = 500
        if case .refused(let error) = self { milliseconds = min(max(error.retryAfterMs, 50), 2000) }
        return .milliseconds(Int(UInt32.random(in: milliseconds...(2 * milliseconds))))
    }
}
