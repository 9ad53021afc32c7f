internal import SwiftProtobuf

extension FermataUsage {
    /// Of one model call of which nothing is known.
    package static let ofUnknownCost = FermataUsage.with {
        $0.modelCalls = 1
        $0.callsOfUnknownCost = 1
    }

    /// Adds up to the largest number and stays there: the figures are a model server's own, and folding never fails.
    package mutating func add(_ other: FermataUsage) {
        modelCalls = modelCalls.saturatingSum(other.modelCalls)
        inputTokens = inputTokens.saturatingSum(other.inputTokens)
        cachedInputTokens = cachedInputTokens.saturatingSum(other.cachedInputTokens)
        outputTokens = outputTokens.saturatingSum(other.outputTokens)
        costNanoUsd = costNanoUsd.saturatingSum(other.costNanoUsd)
        callsOfUnknownCost = callsOfUnknownCost.saturatingSum(other.callsOfUnknownCost)
        cacheWriteTokens = cacheWriteTokens.saturatingSum(other.cacheWriteTokens)
        reasoningTokens = reasoningTokens.saturatingSum(other.reasoningTokens)
        callsOfEstimatedCost = callsOfEstimatedCost.saturatingSum(other.callsOfEstimatedCost)
    }
}

extension FixedWidthInteger {
    package func saturatingSum(_ other: Self) -> Self {
        let (sum, isOverflow) = addingReportingOverflow(other)
        return isOverflow ? (other < 0 ? .min : .max) : sum
    }
}

extension FermataEvent {
    /// What the model call used that has ended with this event, and the model that was asked (empty in old events); nil: it
    /// is no such event.
    package var usedByModel: (usage: FermataUsage, model: String)? {
        switch kind {
        case .modelAnswered(let answer): (answer.usage, answer.model)
        case .modelCut(let cut): (cut.hasUsage ? cut.usage : .ofUnknownCost, cut.model)
        case .modelFailed(let failed): (failed.hasUsage ? failed.usage : .ofUnknownCost, failed.model)
        default: nil
        }
    }
}
