internal import FermataCore
internal import FermataProtocol
internal import Glibc
internal import SwiftProtobuf
internal import Journal
internal import Logging
internal import Models
internal import ModelScript
internal import Secrets
internal import Synchronization
internal import Threads

/// Makes model calls: reads the transcript, asks the model, counts what it cost.
final class ModelRunner: Sendable {
    private let catalogue: ModelCatalogue
    private let prices: Prices
    private let readers: ReaderPool
    private let text: TextPublisher
    private let secrets: SecretTable
    private let logger: Logger
    let histories = Histories(budget: Configuration.historyBytes)
    /// Calls that are to be tried again after a pause. Dispatch's own timers need a descriptor.
    private let again = Mailbox<@Sendable () -> Void>()

    /// - Parameter secrets: what is masked in everything that comes from models and their servers.
    init(
        catalogue: ModelCatalogue, prices: Prices, readers: ReaderPool, text: TextPublisher, secrets: SecretTable,
        logger: Logger
    ) {
        self.catalogue = catalogue
        self.prices = prices
        self.readers = readers
        self.text = text
        self.secrets = secrets
        self.logger = logger
        startThread("fermata-again") { [again] in
            while true {
                let calls = again.take(until: .max / 2, atMost: .max)
                usleep(Self.pauseWithoutDescriptors)
                for call in calls { call() }
            }
        }
    }

    /// Whether it is known what a model costs.
    func hasPrice(_ model: String) -> Bool { prices.has(model) }

    /// About how many tokens a run's next model call sends and may be answered: of the history as far as it is kept, else of
    /// what is always there.
    func tokens(of run: Run) -> Int {
        let bytes = (histories.byteCount(of: run.id) ?? run.spec.systemPrompt.utf8.count) + run.spec.toolBytes
        let options = run.spec.modelOptions
        return bytes / 4 + (options.hasMaxOutputTokens ? Int(options.maxOutputTokens) : 1000)
    }

    /// What a run's model calls have to pass; nil: nothing.
    func gate(of run: Run) -> ProviderGate? { catalogue.gate(of: run.spec.model, at: run.spec.baseURL) }

    /// - Parameter wake: is called when a provider may have room for a call that has waited for it. Must not block.
    func whenProvidersHaveRoom(_ wake: @escaping @Sendable () -> Void) { catalogue.whenProvidersHaveRoom(wake) }

    /// Whether a run's model calls have a connection, and not a script in this process.
    func needsConnection(_ run: Run) -> Bool { catalogue.needsConnection(run.spec.model, at: run.spec.baseURL) }

    /// - Parameter onConnected: its connection is ready; on the client's thread, at most once.
    func start(
        _ shared: SharedRun, step: UInt32, attempt: UInt32, onConnected: @escaping @Sendable () -> Void,
        onEnd: @escaping @Sendable (Input) -> Void
    ) -> any EffectInFlight {
        let run = shared.run
        let call = ModelCallInFlight(secrets)
        let stream = TextPublisher.Stream(run: run.id, step: step, call: 0, attempt: attempt)
        let end: @Sendable (Result<ModelAnswer, ModelFailure>) -> Void = { [self] result in
            for piece in call.finish() { text.append(piece, to: stream) }
            text.end(stream)
            var result = result
            // Nothing could be left out: the next request would be the same.
            if case .failure(var failure) = result {
                if failure.kind == .reasoningRefused, !call.sendsReasoning { failure.kind = .httpStatus }
                if failure.kind == .imagesRefused, !call.sendsImages { failure.kind = .unsupportedParameter }
                result = .failure(failure)
            }
            onEnd(input(for: result, of: shared.run, step: step, attempt: attempt, soFar: call.takeBlocks()))
        }
        let form = catalogue.historyForm(
            of: run.spec.model, at: run.spec.baseURL, showsImages: run.showsImages)
        if let history = histories.kept(of: run, in: form), !run.hasLargeTools {
            begin(call, of: shared, history, stream, onConnected, end)
        } else {
            readers.run { [self] reader in
                do {
                    let history = try histories.history(of: shared.run, in: form, from: reader)
                    begin(call, of: shared, history, stream, onConnected, end)
                } catch {
                    logger.error(
                        "a transcript cannot be read", metadata: ["run": "\(shared.run.id)", "error": "\(error)"])
                    let message = "the run's journal cannot be read; `fermata check` says more"
                    end(.failure(ModelFailure(kind: .journal, message: message, retryable: false)))
                }
            }
        }
        return call
    }

    private func begin(
        _ call: ModelCallInFlight, of shared: SharedRun, _ history: ModelHistory, _ stream: TextPublisher.Stream,
        _ onConnected: @escaping @Sendable () -> Void,
        _ end: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) {
        let run = shared.run
        call.sendsReasoning = history.boundAnswers > 0
        call.sendsImages = history.media.images > 0 || history.media.fileBytes > 0
        call.estimate = UsageEstimate(history, toolBytes: run.spec.toolBytes, model: run.spec.model, prices)
        var request = ModelRequest(
            model: "", history: history,
            tools: run.spec.tools.map {
                ModelTool(name: $0.name, description: $0.description_p, parametersJSON: $0.parameters)
            },
            options: ModelOptions(run.spec.modelOptions), conversation: run.id.description,
            onConnected: onConnected)
        request.onProviderRequestID = { call.providerRequestID = $0 }
        attempt(Self.attemptsWithoutDescriptors, request, call, of: shared, stream, end)
    }

    /// Others may have taken the descriptors that a call had its places for. Nothing of it has been sent then, and it is
    /// tried again by and by.
    private func attempt(
        _ left: Int, _ request: ModelRequest, _ call: ModelCallInFlight, of shared: SharedRun,
        _ stream: TextPublisher.Stream,
        _ end: @escaping @Sendable (Result<ModelAnswer, ModelFailure>) -> Void
    ) {
        let ended: @Sendable (Result<ModelAnswer, ModelFailure>) -> Void = { [self] result in
            guard case .failure(let failure) = result, failure.kind == .descriptors, left > 1 else {
                return end(result)
            }
            again.put { [self] in
                attempt(left - 1, request, call, of: shared, stream, end)
            }
        }
        call.begin(end: end) {
            do throws(ModelFailure) {
                return try catalogue.start(
                    request, of: shared.run.spec.model, at: shared.run.spec.baseURL,
                    onPiece: { [text] piece in
                        // Kept first: what is published is in the journal, whoever takes the text meanwhile.
                        for piece in call.keep(piece) { text.append(piece, to: stream) }
                    }, onEnd: ended)
            } catch {
                ended(.failure(error))
                return nil
            }
        }
    }

    private static let attemptsWithoutDescriptors = 40
    /// µs.
    private static let pauseWithoutDescriptors: UInt32 = 250_000

    private func input(
        for result: Result<ModelAnswer, ModelFailure>, of run: Run, step: UInt32, attempt: UInt32, soFar: AnswerSoFar
    ) -> Input {
        let masked = result.map { $0.masked(by: secrets) }
        // Lengths of the text's pieces are those of what was published, where that is another text.
        let isRewritten = (try? result.get().text) != (try? masked.get().text)
        switch masked {
        case .success(let answer) where answer.size > Configuration.maximumAnswerBytes:
            return .modelFailed(
                step: step, attempt: attempt,
                .with {
                    $0.kind = ModelFailure.Kind.badResponse.rawValue
                    $0.message = "the answer is longer than \(Configuration.maximumAnswerBytes) bytes"
                }, soFar: soFar.withBlocksIfNeeded)
        case .success(let answer):
            return .modelAnswered(
                step: step, attempt: attempt,
                ModelReply(
                    text: answer.text,
                    calls: answer.calls.map { .init(modelID: $0.id, tool: $0.name, arguments: $0.arguments) },
                    finishReason: answer.finishReason, ending: FermataEnding(answer.ending),
                    usage: usage(answer.usage, of: run.spec.model),
                    blocks: answer.blocks.isEmpty
                        ? [] : isRewritten ? soFar.blocks + answer.callBlocks : answer.journaledBlocks,
                    origin: answer.blocks.isEmpty
                        ? .init()
                        : FermataOrigin(catalogue.historyForm(of: run.spec.model, at: run.spec.baseURL).origin),
                    providerRequestID: soFar.providerRequestID))
        case .failure(let failure) where failure.kind == .cancelled:
            // If the run still wants it (the store was too full to say otherwise), it is as good as lost. What was
            // published of it is journaled.
            return .lost(.model(step: step, attempt: attempt), soFar: soFar.withBlocksIfNeeded)
        case .failure(let failure):
            // Its message may quote what the model's server was sent: that is in the journal.
            logger.warning(
                "a model call failed",
                metadata: [
                    "run": "\(run.id)", "step": "\(step)", "attempt": "\(attempt)", "model": "\(run.spec.model)",
                    "kind": "\(failure.kind.rawValue)", "http_status": "\(failure.httpStatus ?? 0)",
                    "retryable": "\(failure.retryable)",
                ])
            var soFar = soFar
            if failure.costsNothing { soFar.usage = .with { $0.modelCalls = 1 } }
            return .modelFailed(
                step: step, attempt: attempt,
                .with {
                    $0.kind = failure.kind.rawValue
                    $0.message = secrets.masked(failure.message)
                    $0.httpStatus = UInt32(failure.httpStatus ?? 0)
                    $0.retryable = failure.retryable
                    $0.retryAfterMs = failure.retryAfterMilliseconds ?? 0
                    $0.willRepeat = failure.willRepeat
                    if let remedy = failure.remedy { $0.message += " (\(remedy))" }
                }, soFar: soFar.withBlocksIfNeeded)
        }
    }

    private func usage(_ usage: ModelUsage?, of model: String) -> FermataUsage {
        .with {
            $0.modelCalls = 1
            $0.inputTokens = usage?.inputTokens ?? 0
            $0.cachedInputTokens = usage?.cachedInputTokens ?? 0
            $0.outputTokens = usage?.outputTokens ?? 0
            $0.cacheWriteTokens = usage?.cacheWriteTokens ?? 0
            $0.reasoningTokens = usage?.reasoningTokens ?? 0
            if let usage, let cost = prices.cost(model: model, usage: usage) {
                $0.costNanoUsd = cost
            } else {
                $0.callsOfUnknownCost = 1
            }
        }
    }
}

extension Run {
    /// What the request's head is made of takes its time: then it is not the loop's.
    fileprivate var hasLargeTools: Bool {
        spec.toolBytes > 64 << 10
    }
}

extension ModelAnswer {
    /// As text it is what was published of it: how it was cut makes no difference.
    fileprivate func masked(by secrets: SecretTable) -> ModelAnswer {
        if secrets.isEmpty { return self }
        var answer = self
        answer.text = secrets.masked(text)
        answer.finishReason = secrets.masked(finishReason)
        // It would be of no use to its provider without a part of it.
        func whole(_ json: String) -> String { secrets.masked(arguments: secrets.masked(json)) == json ? json : "" }
        answer.calls = calls.map { call in
            ModelToolCall(
                id: secrets.masked(call.id), name: secrets.masked(call.name),
                arguments: secrets.masked(arguments: secrets.masked(call.arguments)), extra: whole(call.extra))
        }
        answer.blocks = blocks.map { block in
            switch block {
            case .call: block
            case .text(let length, let json): .text(length, json: whole(json))
            case .reasoning(let text, let json): .reasoning(secrets.masked(text), json: whole(json))
            case .opaque(let word, let json): .opaque(secrets.masked(word), json: whole(json))
            }
        }
        return answer
    }

    /// What it is made of, in the journal's form.
    fileprivate var journaledBlocks: [FermataBlock] {
        let calls = callBlocks
        return blocks.compactMap { block in
            switch block {
            case .text(let length, let json):
                .with {
                    $0.text = UInt64(length)
                    $0.json = json
                }
            case .call(let index): calls[index]
            case .reasoning(let text, let json):
                .with {
                    $0.reasoning = text
                    $0.json = json
                }
            case .opaque(let word, let json):
                .with {
                    $0.opaque = word
                    $0.json = json
                }
            }
        }
    }

    /// Its calls, in the journal's form.
    fileprivate var callBlocks: [FermataBlock] {
        calls.enumerated().map { index, call in
            .with {
                $0.call = UInt32(index + 1)
                $0.json = call.extra
            }
        }
    }

    /// Bytes of everything that the model wrote.
    fileprivate var size: Int {
        let size = blocks.reduce(text.utf8.count) { size, block in
            switch block {
            case .call: size
            case .text(_, let json): size + json.utf8.count
            case .reasoning(let text, let json): size + text.utf8.count + json.utf8.count
            case .opaque(let word, let json): size + word.utf8.count + json.utf8.count
            }
        }
        return calls.reduce(size) {
            $0 + $1.id.utf8.count + $1.name.utf8.count + $1.arguments.utf8.count + $1.extra.utf8.count
        }
    }
}

extension AnswerSoFar {
    /// Text alone needs none.
    fileprivate var withBlocksIfNeeded: AnswerSoFar {
        blocks.contains { if case .text = $0.kind { false } else { true } }
            ? self : AnswerSoFar(text, usage: usage, providerRequestID: providerRequestID)
    }
}

extension FermataOrigin {
    fileprivate init(_ origin: ModelOrigin) {
        self.init()
        api = origin.api
        provider = origin.provider
        model = origin.model
    }
}

extension TextPublisher {
    fileprivate func append(_ piece: ModelPiece, to stream: Stream) {
        switch piece {
        case .text(let text): append(text, .text, to: stream)
        case .reasoning(let text): append(text, .reasoning, to: stream)
        }
    }
}

extension SecretTable {
    /// The texts in the arguments are shown and used as they read: what is escaped once in them is escaped twice here.
    fileprivate func masked(arguments: String) -> String {
        guard arguments.utf8.contains(UInt8(ascii: "\\")), let node = try? JSONNode.read(Array(arguments.utf8)) else {
            return arguments
        }
        let masked = masked(node)
        return masked == node ? arguments : masked.json
    }

    private func masked(_ node: JSONNode) -> JSONNode {
        switch node {
        case .string(let text): .string(masked(text))
        case .array(let elements): .array(elements.map(masked))
        case .object(let members): .object(members.map { JSONNode.Member(masked($0.key), masked($0.value)) })
        case .null, .bool, .number: node
        }
    }
}

extension FermataEnding {
    fileprivate init(_ ending: ModelEnding) {
        self =
            switch ending {
            case .complete: .complete
            case .truncated: .truncated
            case .refused: .refused
            }
    }
}

extension ModelFailure.Kind {
    /// What the model was to be shown is damaged in the store.
    static let journal = Self(rawValue: "JOURNAL_UNREADABLE")
}

extension ModelOptions {
    fileprivate init(_ options: FermataModelOptions) {
        self.init()
        if options.hasTemperature { temperature = options.temperature }
        if options.hasTopP { topP = options.topP }
        if options.hasMaxOutputTokens { maximumOutputTokens = options.maxOutputTokens }
        if options.hasSeed { seed = options.seed }
        reasoningEffort = options.reasoningEffort
        stop = options.stop
    }
}

/// A model call from the moment when it is wanted: first its transcript is read, then it is on the wire.
private final class ModelCallInFlight: EffectInFlight {
    private struct State {
        var parts = ModelAnswerParts()
        /// Bytes of all that.
        var size = 0
        /// Of the text, which is one text however much reasoning lies between its pieces.
        var textMask: SecretMask
        /// Of the reasoning that is going on.
        var reasoningMask: SecretMask
        /// Nothing is published any more.
        var isTaken = false
        /// A piece did not fit: nothing is kept any more.
        var isFull = false
        var call: (any ModelCall)?
        var providerRequestID = ""
        var sendsReasoning = false
        var sendsImages = false
        var isCancelled = false
        /// nil: the request is not made yet.
        var estimate: UsageEstimate?

        init(_ secrets: SecretTable) {
            textMask = SecretMask(secrets)
            reasoningMask = textMask
        }

        /// - Returns: what is to be published of it.
        mutating func keep(_ piece: ModelPiece) -> [ModelPiece] {
            switch piece {
            case .text(let text):
                let reasoning: String = reasoningMask.finish()
                let masked: String = textMask.mask(text)
                return append(.reasoning(reasoning)) + append(.text(masked))
            case .reasoning(let text):
                let masked: String = reasoningMask.mask(text)
                return append(.reasoning(masked))
            }
        }

        mutating func finish() -> [ModelPiece] {
            let reasoning: String = reasoningMask.finish()
            let text: String = textMask.finish()
            return append(.reasoning(reasoning)) + append(.text(text))
        }

        private mutating func append(_ piece: ModelPiece) -> [ModelPiece] {
            let length = piece.content.utf8.count
            guard length > 0 else { return [] }
            guard !isFull, size + length <= Configuration.maximumAnswerBytes else {
                isFull = true
                return []
            }
            size += length
            parts.append(piece)
            return isTaken ? [] : [piece]
        }

        var answer: AnswerSoFar {
            AnswerSoFar(
                parts.text,
                blocks: parts.blocks.map { block in
                    .with {
                        switch block {
                        case .text(let length, _): $0.text = UInt64(length)
                        case .reasoning(let reasoning, _): $0.reasoning = reasoning
                        case .call(let index): $0.call = UInt32(index + 1)
                        case .opaque(let word, _): $0.opaque = word
                        }
                    }
                }, usage: estimate?.usage(answerBytes: size) ?? .with { $0.modelCalls = 1 },
                providerRequestID: providerRequestID)
        }
    }

    private let state: Mutex<State>

    init(_ secrets: SecretTable) { state = Mutex(State(secrets)) }

    /// What it uses is estimated by this, should it be cut.
    var estimate: UsageEstimate? {
        get { state.withLock { $0.estimate } }
        set { state.withLock { $0.estimate = newValue } }
    }

    /// By which the provider knows the call, once it has said so.
    var providerRequestID: String {
        get { state.withLock { $0.providerRequestID } }
        set { state.withLock { $0.providerRequestID = newValue } }
    }

    /// Whether what it sends has something of an answer's maker's own.
    var sendsReasoning: Bool {
        get { state.withLock { $0.sendsReasoning } }
        set { state.withLock { $0.sendsReasoning = newValue } }
    }

    var sendsImages: Bool {
        get { state.withLock { $0.sendsImages } }
        set { state.withLock { $0.sendsImages = newValue } }
    }

    /// Keeps a piece up to the size that an event can carry; an answer beyond it fails at its end.
    ///
    /// - Returns: what is to be published of it: without secrets, and without what may be the beginning of one.
    func keep(_ piece: ModelPiece) -> [ModelPiece] { state.withLock { $0.keep(piece) } }

    /// Nothing more comes.
    ///
    /// - Returns: what was held back and is to be published still.
    func finish() -> [ModelPiece] { state.withLock { $0.finish() } }

    /// Starts the call unless it was cancelled before there was one.
    func begin(
        end: @Sendable (Result<ModelAnswer, ModelFailure>) -> Void, start: () -> (any ModelCall)?
    ) {
        if state.withLock({ $0.isCancelled }) {
            end(.failure(ModelFailure(kind: .cancelled, message: "cancelled", retryable: true)))
            return
        }
        // Not under the lock: the call may send text before `start` returns.
        let call = start()
        let isCancelled = state.withLock { state in
            state.call = call
            return state.isCancelled
        }
        if isCancelled { call?.cancel() }
    }

    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            return state.call
        }?.cancel()
    }

    /// Whoever takes it cuts the call: its connection is closed while that is decided and written down.
    func takeAnswer() -> AnswerSoFar {
        cancel()
        // As in `cancelUnwanted`: the client's thread is often to run on this very processor.
        sched_yield()
        return takeBlocks().withBlocksIfNeeded
    }

    /// What has come so far, in blocks whatever it is.
    func takeBlocks() -> AnswerSoFar {
        state.withLock { state in
            state.isTaken = true
            var copy = state
            _ = copy.finish()
            return copy.answer
        }
    }

    func takeOutput() -> ToolReply { ToolReply(outcome: .callInterrupted, output: "") }
}
