/// What one request is answered with.
public struct ScriptPlan: Sendable {
    public struct Usage: Sendable, Equatable {
        public var promptTokens: UInt64
        public var completionTokens: UInt64
        /// Part of `promptTokens`.
        public var cachedTokens: UInt64

        public init(promptTokens: UInt64, completionTokens: UInt64, cachedTokens: UInt64) {
            self.promptTokens = promptTokens
            self.completionTokens = completionTokens
            self.cachedTokens = cachedTokens
        }
    }

    /// The turn, counted from 0 as in the file.
    public let index: Int
    public let turn: ScriptTurn
    /// The ids of the turn's calls: as written, else `call_A_I`, where A counts the answers before this one and I the
    /// call. A request made again gets the same ids again.
    public let callIDs: [String]
    public let finishReason: String
    public let usage: Usage?

    init(index: Int, turn: ScriptTurn, answersBefore: Int, promptTokens: UInt64) {
        self.index = index
        self.turn = turn
        callIDs = turn.calls.enumerated().map { $1.id ?? "call_\(answersBefore)_\($0)" }
        finishReason = turn.finishReason ?? (turn.calls.isEmpty ? "stop" : "tool_calls")
        let counted = UInt64(turn.pieces.count)
        usage =
            switch turn.usage {
            case .derived: Usage(promptTokens: promptTokens, completionTokens: counted, cachedTokens: 0)
            case .none: nil
            case .given(let prompt, let completion, let cached):
                Usage(
                    promptTokens: prompt ?? promptTokens, completionTokens: completion ?? counted,
                    cachedTokens: cached ?? 0)
            }
    }
}
