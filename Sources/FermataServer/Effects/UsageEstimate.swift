internal import FermataProtocol
internal import ModelClients
internal import SwiftProtobuf

/// What a model call has used that ended without the provider's word for it: it was cut, or broke off. Providers charge what
/// they read, and what they wrote until they noticed.
struct UsageEstimate: Sendable {
    /// A token of ordinary text has about four bytes, one of JSON or of another script fewer: this is rather too many
    /// tokens than too few, so that a limit is reached rather too early.
    static let bytesOfToken = 3

    private let requestBytes: Int
    private let model: String
    private let prices: Prices

    init(requestBytes: Int, model: String, _ prices: Prices) {
        self.requestBytes = requestBytes
        self.model = model
        self.prices = prices
    }

    func usage(answerBytes: Int) -> FermataUsage {
        let used = ModelUsage(
            inputTokens: UInt64(requestBytes / Self.bytesOfToken), cachedInputTokens: 0,
            outputTokens: UInt64(answerBytes / Self.bytesOfToken))
        return .with {
            $0.modelCalls = 1
            $0.inputTokens = used.inputTokens
            $0.outputTokens = used.outputTokens
            if let cost = prices.cost(model: model, usage: used) {
                $0.costNanoUsd = cost
                $0.callsOfEstimatedCost = 1
            } else {
                $0.callsOfUnknownCost = 1
            }
        }
    }
}

extension ModelFailure {
    /// No server has begun to work on the call: it was not reached, or has refused it.
    var costsNothing: Bool {
        (httpStatus ?? 0) >= 400 || [.connect, .descriptors, .authentication].contains(kind) || kind == .journal
    }
}
