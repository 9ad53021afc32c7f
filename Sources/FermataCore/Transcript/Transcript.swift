public import FermataProtocol
internal import JSON

/// The conversation as a model is to be shown it: a second fold of the journal, of the bodies this time.
///
/// Always valid for a model at the moment of a model call: every call has exactly one result, in the order of the
/// calls, directly after the answer that chose them.
public struct Transcript: Sendable, Equatable {
    public enum Item: Sendable, Equatable {
        case user(Content)
        case assistant(Answer)
        case result(FermataSelectedCall, Content)
    }

    /// What a model has said, as it is shown to one.
    public struct Answer: Sendable, Equatable {
        public var text: String
        public var calls: [FermataSelectedCall] = []
        /// As in the event.
        public var blocks: [FermataBlock] = []
        public var origin = FermataOrigin()

        public init(text: String, calls: [FermataSelectedCall] = []) {
            self.text = text
            self.calls = calls
        }
    }

    /// What the model was or will be shown, without the results of a step that still has open calls; from the
    /// beginning, or from where it was taken last.
    public private(set) var items: [Item] = []
    /// The last event that was folded in.
    public private(set) var seq: UInt64 = 0

    private var waiting: [UInt32: Content] = [:]
    private var calls: [FermataSelectedCall] = []
    private var results: [UInt32: Content] = [:]
    /// Arguments that an operator put in place of the model's, by call.
    private var edited: [UInt32: String] = [:]
    /// Calls whose approval is asked for, by ask.
    private var approvals: [UInt32: UInt32] = [:]
    private var rendering = Rendering.first
    private let reasoningFrom: UInt64

    /// - Parameter reasoningFrom: as of the run's turn: of answers from before this event nothing is shown that is their
    ///   maker's own.
    public init(reasoningFrom: UInt64 = 0) { self.reasoningFrom = reasoningFrom }

    /// Hands over the items; what comes next is appended to none.
    public mutating func takeItems() -> [Item] {
        defer { items = [] }
        return items
    }

    public mutating func append(_ event: FermataEvent) {
        seq = event.seq
        switch event.kind {
        case .launched(let launched): rendering = Rendering(launched)
        case .messageQueued(let message):
            waiting[message.number] = Content(message.text, blocks: message.blocks)
        case .messageWithdrawn(let message): waiting[message.number] = nil
        case .modelCalled(let call):
            for number in call.delivered {
                if let content = waiting.removeValue(forKey: number) { items.append(.user(content)) }
            }
        case .modelAnswered(let answer):
            results = [:]
            edited = [:]
            approvals = [:]
            // What was refused is not shown again, nor are the results of its calls.
            calls = answer.ending == .refused ? [] : answer.calls
            if answer.ending == .refused { break }
            // On the wire arguments are always a JSON object: servers that read them refuse every request that has
            // anything else. What the model wrote is in the call's result.
            for index in calls.indices where !calls[index].arguments.isJSONObject { calls[index].arguments = "{}" }
            if !answer.text.isEmpty || !calls.isEmpty {
                var shown = Answer(text: answer.text, calls: calls)
                if event.seq >= reasoningFrom {
                    shown.blocks = answer.blocks
                    shown.origin = answer.origin
                }
                items.append(.assistant(shown))
            }
            if answer.ending == .truncated, calls.isEmpty {
                items.append(.user(Content(rendering.truncated(after: answer.text))))
            }
        case .modelCut(let cut) where !cut.text.isEmpty && cut.cause != .byCrash && cut.cause != .byMove:
            // Of what was cut its text stays: reasoning that came to no end is nobody's to be shown again.
            items.append(.assistant(Answer(text: cut.text)))
            items.append(.user(Content(rendering.cut)))
        case .callEnded(let ended):
            // Questions to people are never started, and have results of their own.
            let isExecuted = ended.attempt > 0 || ended.outcome == .callFinished
            results[ended.number] = rendering.result(ended, edited: isExecuted ? edited[ended.number] : nil)
            guard results.count == calls.count, !calls.isEmpty else { break }
            for call in calls { items.append(.result(call, results[call.number] ?? "")) }
        case .askOpened(let ask) where ask.kind == .approval: approvals[ask.number] = ask.call
        case .askAnswered(let answer) where answer.verdict == .edit:
            if let call = approvals[answer.number] { edited[call] = answer.arguments }
        case .callEdited(let call): edited[call.number] = call.arguments
        default: break
        }
    }
}

extension String {
    /// Whether this is what a call's arguments have to be. frozen: it decides what models are shown of old journals.
    fileprivate var isJSONObject: Bool {
        (try? JSONDocument(asArguments: self))?.kind(0) == .object
    }
}
