/// Finds the turn for each request of each conversation. Pure but for its memory: no clock, no threads, no I/O;
/// whoever shares one between threads locks it.
public struct ScriptPlayer: Sendable {
    public let script: ModelScript
    private let index: ScriptIndex
    private var conversations: [String: Conversation] = [:]

    /// Beyond this many conversations, those with nothing to remember but a cache are forgotten.
    static let remembered = 4096

    public init(_ script: ModelScript) {
        self.script = script
        index = ScriptIndex(script)
    }

    /// The answer to a request, by the rules in `ModelScript`. A turn with a fault counts as served from now on.
    ///
    /// Costs the messages that the conversation's last request did not have yet, not all of them.
    ///
    /// - Parameters:
    ///   - count: how many messages the request has.
    ///   - message: the message at an index below `count`.
    /// - Throws: `ScriptError.Code.noTurn`.
    public mutating func next(
        conversation name: String, count: Int, message: (Int) -> ScriptMessage
    ) throws(ScriptError) -> ScriptPlan {
        // Taken out while it changes, so that it is changed in place and not copied.
        var conversation = conversations.removeValue(forKey: name) ?? Conversation()
        defer {
            forgetSome()
            conversations[name] = conversation
        }
        conversation.read(count: count, message: message, order: script.order, index: index)

        guard let turn = conversation.position.turn(after: conversation.reading.last, in: index) else {
            throw ScriptError(
                code: .noTurn, file: script.file,
                message: "has no turn for conversation \"\(name)\" after \(conversation.reading.answers) answers "
                    + "in \(count) messages; it has \(script.turns.count) in all")
        }
        let plan = ScriptPlan(
            index: turn, turn: index.turns[turn], answersBefore: conversation.answersBefore(script.order),
            promptTokens: conversation.reading.tokens)
        conversation.serve(turn, order: script.order, index: index)
        return plan
    }

    private mutating func forgetSome() {
        guard conversations.count >= ScriptPlayer.remembered, script.order == .transcript else { return }
        conversations = conversations.filter { $0.value.remembersFault }
    }
}

/// What is remembered of a conversation: a cache of the messages read so far, and the faults since the last answer.
private struct Conversation: Sendable {
    /// What follows from the first `seen` messages of the last request.
    struct Reading {
        var seen = 0
        var last: ScriptMessage?
        var answers = 0
        var tokens: UInt64 = 0
        var position = ScriptPosition()
    }

    var reading = Reading()
    /// The turns with faults served after `answersAtFaults` answers.
    private var faults: [Int] = []
    private var answersAtFaults = 0
    /// `Order.requests` only.
    private var requests = 0
    private var requestPosition = ScriptPosition()
    /// Where the request that was read last stands.
    private(set) var position = ScriptPosition()

    var remembersFault: Bool { !faults.isEmpty }

    func answersBefore(_ order: ModelScript.Order) -> Int { order == .requests ? requests : reading.answers }

    mutating func read(count: Int, message: (Int) -> ScriptMessage, order: ModelScript.Order, index: ScriptIndex) {
        // A request that does not begin as the last one did is read from its beginning.
        let isContinued = reading.seen <= count && (reading.seen == 0 || reading.last == message(reading.seen - 1))
        if !isContinued { reading = Reading() }
        while reading.seen < count {
            let next = message(reading.seen)
            if next.role == "assistant" {
                if order == .transcript { reading.position.pass(next, after: reading.last, in: index) }
                reading.answers += 1
            }
            reading.tokens += next.tokens
            reading.last = next
            reading.seen += 1
        }
        guard order == .transcript else {
            position = requestPosition
            return
        }
        if answersAtFaults != reading.answers { faults = [] }
        position = reading.position
        for fault in faults { position.use(fault, in: index) }
    }

    mutating func serve(_ turn: Int, order: ModelScript.Order, index: ScriptIndex) {
        if order == .requests {
            requests += 1
            requestPosition.use(turn, in: index)
        } else if index.turns[turn].fault != nil, index.turns[turn].times != nil {
            faults.append(turn)
            answersAtFaults = reading.answers
        }
    }
}
