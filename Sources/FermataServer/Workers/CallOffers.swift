internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Synchronization

/// Offers ready calls to the workers that ask for them: oldest call first, to who has waited longest.
///
/// The calls are rows of the journal; here are only those who wait, and what was offered within the last second: such a
/// call is not offered to others, so that many who ask do not all run for the same one. An offer is no promise, and
/// StartCall decides.
///
/// Threads: any. Calls are chosen on the thread that looks things up, one choice at a time.
final class CallOffers: Sendable {
    /// A TakeCalls, checked.
    struct Poll: Sendable {
        let tools: Set<String>
        let limit: Int
        let connection: UInt32
        /// Called once, with the encoded reply.
        let complete: @Sendable (Result<[UInt8], Refusal>) -> Void
    }

    private struct Waiting {
        let poll: Poll
        /// Of the waiter; nil until it is entered.
        var waiter: UInt64?
    }

    private struct Reservation {
        let connection: UInt32
        let tool: String
    }

    private struct State {
        /// By order of arrival.
        var waiting: [UInt64: Waiting] = [:]
        var arrivals: UInt64 = 0
        var reserved: [ReadyCallKey: Reservation] = [:]
        /// All reservations are as long, so the first that was made ends first. µs of the monotonic clock.
        var expiries: [(until: Int64, call: ReadyCallKey)] = []
        /// When a worker last asked for a tool's calls, µs of the steady clock.
        var polledAt: [String: Int64] = [:]
        /// Tools that may have a call for someone who waits.
        var changed: Set<String> = []
        var isChoosing = false
    }

    private let state = Mutex(State())
    private let waiters: Waiters
    private let readers: ReaderPool
    private let counters: Counters

    /// µs.
    private static let reservation: Int64 = 1_000_000
    /// How long after it asked a worker is said to serve a tool, µs.
    private static let isServedFor: Int64 = 60_000_000
    /// Names of tools that are remembered to have been asked for.
    private static let rememberedTools = 4096

    init(waiters: Waiters, readers: ReaderPool, counters: Counters) {
        self.waiters = waiters
        self.readers = readers
        self.counters = counters
    }

    // MARK: - Who asks

    /// Answers with what is there, or waits for it.
    ///
    /// - Parameter deadline: of the wait, µs of the monotonic clock; nil: none.
    func take(_ poll: Poll, until deadline: Int64?) {
        note(poll.tools)
        guard let deadline else { return answer(poll) }
        let number = state.withLock { state in
            state.arrivals += 1
            state.waiting[state.arrivals] = Waiting(poll: poll)
            return state.arrivals
        }
        let waiter = waiters.add(.calls, connection: poll.connection, deadline: deadline) { [self] ending in
            state.withLock { _ = $0.waiting.removeValue(forKey: number) }
            note(poll.tools)
            switch ending {
            case .there(let reply): poll.complete(.success(reply))
            case .run, .events: answer(poll)
            case .never, .timedOut: poll.complete(.success([]))
            }
        }
        guard let waiter else {
            state.withLock { _ = $0.waiting.removeValue(forKey: number) }
            return answer(poll)
        }
        state.withLock { $0.waiting[number]?.waiter = waiter }
        // What became ready before it was entered no commit will tell.
        callsAreReady(of: poll.tools)
    }

    /// Whether a worker asks for the tool's calls, or did a moment ago.
    func isServed(_ tool: String) -> Bool {
        guard let last = lastPoll(of: tool) else { return false }
        return Clock.steady - last < Self.isServedFor
    }

    /// When a worker last asked for the tool's calls, µs since 1970; nil: not since the server's start.
    func polledAt(_ tool: String) -> Int64? { lastPoll(of: tool).map { $0 + Clock.lead } }

    private func lastPoll(of tool: String) -> Int64? {
        state.withLock { state in
            state.waiting.values.contains { $0.poll.tools.contains(tool) } ? Clock.steady : state.polledAt[tool]
        }
    }

    private func note(_ tools: Set<String>) {
        let now = Clock.steady
        state.withLock { state in
            if state.polledAt.count > Self.rememberedTools {
                state.polledAt = state.polledAt.filter { now - $0.value < Self.isServedFor }
            }
            for tool in tools where state.polledAt[tool] != nil || state.polledAt.count <= Self.rememberedTools {
                state.polledAt[tool] = now
            }
        }
    }

    // MARK: - What changes

    /// Calls of these tools became ready, by a commit; or may be offered anew.
    func callsAreReady(of tools: Set<String>) {
        let isIdle = state.withLock { state in
            let wanted = state.waiting.values.contains { !$0.poll.tools.isDisjoint(with: tools) }
            guard wanted else { return false }
            state.changed.formUnion(tools)
            defer { state.isChoosing = true }
            return !state.isChoosing
        }
        guard isIdle else { return }
        readers.lookUp { [self] reader in
            while let tools = nextChanged() { choose(tools, reader) }
        }
    }

    private func nextChanged() -> Set<String>? {
        state.withLock { state in
            guard !state.changed.isEmpty else {
                state.isChoosing = false
                return nil
            }
            defer { state.changed = [] }
            return state.changed
        }
    }

    /// When the first reservation ends, µs of the monotonic clock.
    var nextExpiry: Int64? { state.withLock { $0.expiries.first?.until } }

    /// Begins all reservations anew: whoever started a call meanwhile was not heard.
    func beginAnew(now: Int64) {
        state.withLock { state in
            for index in state.expiries.indices { state.expiries[index].until = now + Self.reservation }
        }
    }

    /// What was offered and not started in time is offered to others.
    func expire(now: Int64) {
        let tools = state.withLock { state in
            let passed = state.expiries.prefix { $0.until <= now }
            let tools = Set(passed.compactMap { state.reserved.removeValue(forKey: $0.call)?.tool })
            state.expiries.removeFirst(passed.count)
            return tools
        }
        if !tools.isEmpty { callsAreReady(of: tools) }
    }

    /// A connection is gone: what was offered over it is offered to others at once.
    func end(connection: UInt32) {
        let tools = state.withLock { state in
            let gone = state.reserved.filter { $0.value.connection == connection }
            for call in gone.keys { state.reserved[call] = nil }
            if !gone.isEmpty { state.expiries.removeAll { gone[$0.call] != nil } }
            return Set(gone.values.map(\.tool))
        }
        if !tools.isEmpty { callsAreReady(of: tools) }
    }

    // MARK: - Choosing

    /// Ready calls that are reserved for nobody, by tool, oldest first, read when they are first asked for.
    private struct Queues {
        let reader: any JournalReading
        /// Calls that all who ask want together.
        let wanted: Int
        let reserved: [ReadyCallKey: Reservation]
        var calls: [String: ArraySlice<ReadyCallKey>] = [:]

        mutating func first(of tools: Set<String>) throws -> (tool: String, call: ReadyCallKey)? {
            var first: (tool: String, call: ReadyCallKey)?
            for tool in tools {
                if calls[tool] == nil {
                    let ahead = reserved.values.count { $0.tool == tool }
                    let found = try reader.readyCalls(of: tool, limit: wanted + ahead)
                    calls[tool] = found.filter { reserved[$0] == nil }[...]
                }
                guard let call = calls[tool]?.first else { continue }
                if first.map({ call < $0.call }) ?? true { first = (tool, call) }
            }
            return first
        }
    }

    private func queues(for wanted: Int, _ reader: any JournalReading) -> Queues {
        Queues(reader: reader, wanted: wanted, reserved: state.withLock { $0.reserved })
    }

    /// Offers what there is of these tools to those who wait for them.
    private func choose(_ tools: Set<String>, _ reader: any JournalReading) {
        let waiting = state.withLock { state in
            state.waiting.filter { !$0.value.poll.tools.isDisjoint(with: tools) }.sorted { $0.key < $1.key }
        }
        var queues = queues(for: waiting.reduce(0) { $0 + $1.value.poll.limit }, reader)
        for (_, entry) in waiting {
            guard let waiter = entry.waiter else { continue }
            do {
                let before = queues.calls
                guard let offered = try offer(to: entry.poll, from: &queues) else { continue }
                if waiters.finish(waiter, .there(offered.reply)) {
                    counters.callOffers.add(offered.calls.count)
                } else {
                    // It has gone meanwhile: the next one gets them.
                    withdraw(offered.calls)
                    queues.calls = before
                }
            } catch {
                // It will be told what is wrong.
                waiters.finish(waiter, .events)
            }
        }
    }

    /// Answers one who does not wait.
    private func answer(_ poll: Poll) {
        readers.lookUp { [self] reader in
            poll.complete(
                Result {
                    var queues = queues(for: poll.limit, reader)
                    guard let offered = try offer(to: poll, from: &queues) else { return [] }
                    counters.callOffers.add(offered.calls.count)
                    return offered.reply
                })
        }
    }

    /// Takes calls for one who asks and reserves them; nil if there is none.
    private func offer(
        to poll: Poll, from queues: inout Queues
    ) throws -> (calls: [ReadyCallKey], reply: [UInt8])? {
        var reply = FermataTakeCallsReply()
        var calls: [(key: ReadyCallKey, tool: String)] = []
        var bytes = 0
        while calls.count < poll.limit, let (tool, key) = try queues.first(of: poll.tools) {
            if let row = try queues.reader.readyCall(key) {
                bytes += row.body.count
                if bytes > Configuration.pageBytes, !calls.isEmpty { break }
                reply.offers.append(try FermataCallOffer(serializedBytes: row.body))
                calls.append((key, tool))
            }
            queues.calls[tool]?.removeFirst()
        }
        guard !calls.isEmpty else { return nil }
        let bytesOfReply: [UInt8] = try reply.serializedBytes()
        let until = Clock.monotonic + Self.reservation
        state.withLock { state in
            for (key, tool) in calls {
                state.reserved[key] = Reservation(connection: poll.connection, tool: tool)
                state.expiries.append((until, key))
            }
        }
        return (calls.map(\.key), bytesOfReply)
    }

    private func withdraw(_ calls: [ReadyCallKey]) {
        state.withLock { state in
            for call in calls { state.reserved[call] = nil }
            state.expiries.removeAll { calls.contains($0.call) }
        }
    }
}
