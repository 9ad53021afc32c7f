import FermataClient
import FermataProtocol
import SwiftProtobuf

/// A worker as a test drives it, step by step.
struct Worker: Sendable {
    let client: Client
    var name = "worker-1"
    var tools = ["search"]

    static func spec(
        _ name: String = "search", _ change: (inout FermataToolSpec) -> Void = { _ in }
    ) -> FermataToolSpec {
        var spec = FermataToolSpec.with {
            $0.name = name
            $0.description_p = "Looks something up."
            $0.parameters = #"{"type":"object","properties":{"q":{"type":"string"}},"required":["q"]}"#
        }
        change(&spec)
        return spec
    }

    @discardableResult
    func register(_ specs: FermataToolSpec...) async throws -> Bool {
        try await client.send(
            FermataRegisterTools.with {
                $0.worker = name
                $0.by = "ada"
                $0.tools = specs
            }
        ).changed
    }

    /// What is offered now, or within so many milliseconds.
    func take(limit: UInt32 = 1, waitMs: UInt32 = 0) async throws -> [FermataCallOffer] {
        try await client.send(
            FermataTakeCalls.with {
                $0.worker = name
                $0.tools = tools
                $0.limit = limit
                $0.waitMs = waitMs
            }
        ).offers
    }

    /// Waits for one call, and does not take it yet.
    func offer() async throws -> FermataCallOffer { try await client.offers(to: name, of: tools)[0] }

    @discardableResult
    func start(_ offer: FermataCallOffer, leaseMs: UInt32 = 0) async throws -> FermataCommandReply {
        try await client.send(
            FermataStartCall.with {
                $0.run = offer.run
                $0.call = offer.call
                $0.attempt = offer.attempt
                $0.worker = name
                $0.leaseMs = leaseMs
            })
    }

    @discardableResult
    func extend(_ offer: FermataCallOffer, leaseMs: UInt32 = 0, output: String = "") async throws -> Int64 {
        try await client.send(
            FermataExtendCall.with {
                $0.run = offer.run
                $0.call = offer.call
                $0.attempt = offer.attempt
                $0.worker = name
                $0.leaseMs = leaseMs
                $0.output = output
            }
        ).leaseUntil
    }

    @discardableResult
    func complete(
        _ offer: FermataCallOffer, _ outcome: FermataCompleteCall.OneOf_Outcome
    ) async throws -> FermataCommandReply {
        try await client.send(
            FermataCompleteCall.with {
                $0.run = offer.run
                $0.call = offer.call
                $0.attempt = offer.attempt
                $0.worker = name
                $0.outcome = outcome
            })
    }

    /// Waits for a call and starts it.
    func begin(leaseMs: UInt32 = 0) async throws -> FermataCallOffer {
        let offer = try await offer()
        try await start(offer, leaseMs: leaseMs)
        return offer
    }

    /// A model that calls `search` once, then ends its turn.
    static let script = #"""
        [{"tool_calls": [{"name": "search", "arguments": {"q": "pears"}}]}, {"text": "Done."}]
        """#

    /// Launches a run that has `search` and nothing else.
    static func launch(_ service: Service, _ change: (inout FermataLaunch) -> Void = { _ in }) async throws -> String {
        try await service.launch {
            $0.tools = ["search"]
            change(&$0)
        }
    }
}

extension Service {
    /// Every start of a call of the run.
    func starts(of run: String) async throws -> [FermataCallStarted] {
        try await events(run).compactMap { if case .callStarted(let start) = $0.kind { start } else { nil } }
    }
}
