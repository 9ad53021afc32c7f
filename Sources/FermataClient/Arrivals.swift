internal import FermataProtocol
internal import SwiftProtobuf

/// What a subscription to the event socket says of the journal: that it has grown, not what is in it.
public enum Arrival: Sendable {
    /// Of this run there is an event.
    case event(run: String)
    /// Something may have been missed.
    case unknown
    /// The server lives.
    case nothing
}

extension Client {
    /// News of the journal, for as long as it is read; survives a restart of the server. Something comes every second
    /// while the server lives and its event socket can be reached.
    public func arrivals() async throws(ClientError) -> AsyncStream<Arrival> {
        let hello = try await send(FermataHello.with { $0.client = "fermata-client" })
        let messages = try Feed.at(hello.eventsURL).listen([[Topic.event], [Topic.tick]])
        let (stream, continuation) = AsyncStream.makeStream(of: Arrival.self, bufferingPolicy: .bufferingNewest(1024))
        let task = Task {
            var seen: UInt64 = 0
            for await message in messages {
                switch message {
                case .connected: continuation.yield(.unknown)
                case .event(let event):
                    // Of a burst that is longer than what is kept here the oldest are gone: the gap shows it.
                    continuation.yield(event.offset == seen + 1 ? .event(run: event.run) : .unknown)
                    seen = max(seen, event.offset)
                case .tick(let tick):
                    // What was dropped last has no successor that would show the gap.
                    continuation.yield(tick.lastOffset > seen ? .unknown : .nothing)
                    seen = max(seen, tick.lastOffset)
                case .status, .text: break
                }
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
