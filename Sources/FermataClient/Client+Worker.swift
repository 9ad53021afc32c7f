public import FermataProtocol
internal import SwiftProtobuf

/// What a worker does over and over.
extension Client {
    /// Waits until calls of these tools are offered, for as long as it takes, also while the server is away.
    ///
    /// An offer is no promise: the call is the worker's once the reply to `StartCall` is there.
    ///
    /// - Parameter limit: offers at most.
    /// - Returns: at least one.
    public func offers(
        to worker: String, of tools: [String], limit: UInt32 = 1
    ) async throws(ClientError) -> [FermataCallOffer] {
        let take = FermataTakeCalls.with {
            $0.worker = worker
            $0.tools = tools
            $0.limit = limit
            $0.waitMs = 20_000
        }
        return try await answer(to: take).offers
    }
}
