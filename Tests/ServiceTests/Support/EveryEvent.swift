import FermataProtocol
import SwiftProtobuf

extension Service {
    /// The whole journal, of all runs, by offset.
    func everyEvent() async throws -> [FermataEvent] {
        var events: [FermataEvent] = []
        while true {
            let reply = try await client.send(FermataReadEvents.with { $0.after = events.last?.offset ?? 0 })
            events += reply.events
            if !reply.more { return events }
        }
    }
}
