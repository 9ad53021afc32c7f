public import FermataProtocol
internal import SwiftProtobuf

/// What happened to the statuses of the server's runs.
public enum StatusNews: Sendable {
    /// Something may have been missed, or it is the beginning: `ListRuns` says how things are.
    case stale
    /// A run has another status, or is new. Without `last_message`.
    case changed(FermataRunSummary)
}

/// The statuses of all runs as they change, for as long as it is read: state, not history. It survives a restart of
/// the server, and begins with `stale`.
///
/// A summary that comes here may be older than one that was read meanwhile: `last_seq` tells.
public struct Statuses: AsyncSequence, Sendable {
    public typealias Element = StatusNews

    let eventsURL: String

    public func makeAsyncIterator() -> Iterator { Iterator(eventsURL: eventsURL) }

    public struct Iterator: AsyncIteratorProtocol {
        private let eventsURL: String
        private var live: AsyncStream<Feed.Message>.AsyncIterator?
        private var instance = ""
        private var last: UInt64 = 0

        init(eventsURL: String) { self.eventsURL = eventsURL }

        public mutating func next() async throws -> StatusNews? {
            if live == nil {
                live = try Feed.at(eventsURL).listen([[Topic.status], [Topic.tick]]).makeAsyncIterator()
                return .stale
            }
            while let message = await live!.next() {
                switch message {
                case .connected: return .stale
                case .status(let change):
                    let isNext = change.instance == instance && change.number == last + 1
                    (instance, last) = (change.instance, change.number)
                    return isNext ? .changed(change.run) : .stale
                case .tick(let tick):
                    // What was dropped last has no successor that would show the gap.
                    let isMissed = tick.instance != instance || tick.lastStatusNumber > last
                    (instance, last) = (tick.instance, tick.lastStatusNumber)
                    if isMissed { return .stale }
                case .event, .text: break
                }
            }
            return nil
        }
    }
}

extension Client {
    /// Statuses of all runs, from now on.
    public func statuses() async throws(ClientError) -> Statuses {
        Statuses(eventsURL: try await send(FermataHello.with { $0.client = "fermata-client" }).eventsURL)
    }
}
