internal import FermataProtocol
internal import Models
internal import SwiftProtobuf

/// What a model call has used that ended without the provider's word for it: it was cut, or broke off. Providers charge what
/// they read, and what they wrote until they noticed.
struct UsageEstimate: Sendable {
    /// A token of ordinary text has about four bytes, one of JSON or of another script fewer: this is rather too many
    /// tokens than too few, so that a limit is reached rather too early.
    static let bytesOfToken = 3

    /// Providers shrink images: the largest cost some 1,600 tokens (Anthropic, OpenAI; Gemini 258 a tile).
    static let tokensOfImage = 2000
    /// Of a PDF a page has some 50 to 100 KB, and costs 1,500 to 3,000 tokens (Anthropic).
    static let fileBytesOfToken = 20

    private let inputTokens: Int
    private let model: String
    private let prices: Prices

    /// - Parameter toolBytes: of the tools' definitions.
    init(_ history: ModelHistory, toolBytes: Int, model: String, _ prices: Prices) {
        let textBytes = history.byteCount - history.media.keptBytes + toolBytes
        inputTokens =
            textBytes / Self.bytesOfToken + history.media.images * Self.tokensOfImage
            + history.media.fileBytes / Self.fileBytesOfToken
        self.model = model
        self.prices = prices
    }

    func usage(answerBytes: Int) -> FermataUsage {
        let used = ModelUsage(
            inputTokens: UInt64(inputTokens), cachedInputTokens: 0,
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
