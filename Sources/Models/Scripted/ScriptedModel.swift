internal import Secrets
public import ModelScript

/// A scripted model in process: plays the same scripts as `MockModel`, by the same rules, without a network.
///
/// `ModelScript` documents the scripts. The position in one follows from the request's messages, so that a run goes on
/// with the right turn after the service was killed between any two calls; faults that were served since the last
/// answer are known per `ModelRequest.conversation` and forgotten at a restart.
///
/// Faults end as they would over HTTP: a status as `AUTHENTICATION`, `RATE_LIMITED`, `CONTEXT_TOO_LONG` or
/// `HTTP_STATUS`, a disconnect as `BROKEN_STREAM`, a malformed chunk as `BAD_RESPONSE`, silence as `SILENCE` after the
/// limit. A script that cannot be read or has no turn left is `SCRIPT`.
///
/// Threads: one of its own for all calls, which makes all callbacks; `start` and `cancel` only post to it. Calls in
/// flight when the model is dropped go on to their end, then the thread ends. A step without pace takes about 12 µs
/// there and back (optimised, two cores), after 20,000 messages as after 4,000.
public final class ScriptedModel: ModelClient {
    /// The gates of all scripts of this model.
    public let gates: ScriptGates
    private let loop: ScriptedModelLoop

    /// Plays the file that `ModelRequest.model` names: `FILE` in the user's `mock/FILE`, relative to the process's
    /// working directory. It is read at the first call, and again when it has changed.
    ///
    /// - Parameter silenceLimit: after how long a scripted silence is noticed.
    public convenience init(silenceLimit: Duration = .seconds(120)) {
        self.init(ScriptLibrary(), silenceLimit)
    }

    /// Plays this script, whatever model is asked for.
    public convenience init(_ script: ModelScript, silenceLimit: Duration = .seconds(120)) {
        self.init(ScriptLibrary(always: script), silenceLimit)
    }

    private init(_ library: ScriptLibrary, _ silenceLimit: Duration) {
        gates = ScriptGates()
        let (seconds, attoseconds) = silenceLimit.components
        loop = ScriptedModelLoop(
            library: library, gates: gates,
            silenceNanoseconds: UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds / 1_000_000_000)))
    }

    deinit {
        loop.close()
    }

    public func start(
        _ request: ModelRequest,
        onPiece: @escaping @Sendable (ModelPiece) -> Void,
        onEnd: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) -> any ModelCall {
        ScriptedCall(number: loop.start(request, onPiece: onPiece, onEnd: onEnd), loop: loop)
    }
}

private struct ScriptedCall: ModelCall {
    let number: UInt64
    let loop: ScriptedModelLoop

    func cancel() { loop.cancel(number) }
}

extension ScriptMessage {
    init(_ message: ModelMessage) {
        switch message {
        case .system(let text): self.init(role: "system", content: text)
        case .user(let content): self.init(role: "user", content: content.asScriptText)
        case .assistant(let text, let calls, _):
            self.init(
                role: "assistant", content: text,
                calls: calls.map { Call(name: $0.name, arguments: $0.arguments) })
        case .tool(_, let content): self.init(role: "tool", content: content.asScriptText)
        }
    }
}

extension ModelContent {
    /// As scripts match it: a line for each image and file.
    fileprivate var asScriptText: String {
        guard !parts.isEmpty else { return text }
        return parts.map { part in
            switch part {
            case .text(let text): text
            case .image(let image): "[image: \(image.label)]"
            case .file(let file): "[file: \(file.label)]"
            }
        }.joined(separator: "\n")
    }
}

extension ModelAnswer {
    init(_ plan: ScriptPlan) throws(ModelFailure) {
        let turn = plan.turn
        try self.init(
            text: turn.text,
            calls: zip(turn.calls, plan.callIDs).map { call, id in
                ModelToolCall(id: id, name: call.name, arguments: call.arguments, extra: call.extra ?? "")
            },
            chatReason: plan.finishReason,
            usage: plan.usage.map { usage in
                ModelUsage(
                    inputTokens: usage.promptTokens, cachedInputTokens: usage.cachedTokens,
                    outputTokens: usage.completionTokens)
            })
        var made: [ModelBlock] = turn.reasoning.isEmpty ? [] : [.reasoning(turn.reasoning)]
        if !turn.text.isEmpty { made.append(.text(turn.text.utf8.count)) }
        blocks = (made + calls.indices.map(ModelBlock.call)).sayingMore(than: calls)
    }
}

extension ModelFailure {
    static func script(_ error: ScriptError) -> ModelFailure {
        ModelFailure(kind: .script, message: error.description, retryable: false)
    }

    /// What a scripted fault is to the caller.
    init(_ fault: ScriptFault, turn: Int) {
        switch fault {
        case .status(let status, let retryAfter, let body):
            let kind: Kind =
                switch status {
                case 401, 403: .authentication
                case 429: .rateLimited
                case 400 where body?.contains("context_length_exceeded") == true: .contextTooLong
                default: .httpStatus
                }
            self.init(
                kind: kind, message: "HTTP status \(status): scripted fault in turn \(turn)", httpStatus: status,
                retryable: [408, 409, 429].contains(status) || status >= 500,
                retryAfterMilliseconds: retryAfter.map { $0 * 1000 })
        case .disconnect, .end:
            self.init(
                kind: .brokenStream,
                message: "the connection closed before the answer was complete "
                    + "(scripted fault in turn \(turn))", retryable: true)
        case .error(_, let status, let code, let message):
            let error = JSONNode.object([
                .init("message", .string(message)), .init("code", .optional(code)), .init("status", .integer(status)),
            ])
            self = .refused(status: nil, ChatError(body: Array(error.json.utf8)), without: .none)
        case .malformedChunk:
            self.init(
                kind: .badResponse, message: "a chunk is not JSON (scripted fault in turn \(turn))", retryable: true)
        case .silence:
            self.init(
                kind: .silence, message: "nothing received for too long (scripted fault in turn \(turn))",
                retryable: true)
        }
    }
}
