import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf

/// A service with one run, its operators, its models, tools and workers, and bad luck: all of them from one seed.
///
/// After every input the promises are checked: by an `Auditor` that reads the journal, and by comparing what it
/// believes with what the run says of itself.
struct Simulation {
    var run: Run
    var journal: [FermataEvent] = []
    /// What was put in and what came of it, if it was asked for.
    var trace: [String] = []
    /// Kinds of events, and commands with the status in which they came, if it was asked for.
    var seen: Set<String> = []

    let isTraced: Bool
    var random: SplitMix64
    var auditor: Auditor
    /// The steady clock.
    var now: Int64 = 1_700_000_000_000_000
    /// How far people's clock, which is set now and then, is ahead of it.
    var lead: Int64 = 0
    /// Effects that are going on outside, wanted or not: a cancelled one goes on until its end has come in.
    var outside: Set<Effect> = []
    /// Calls that workers have, or think that they have.
    var leases: [Lease] = []
    private(set) var isEnding = false
    private var launched = FermataLaunched()

    struct Lease {
        let call: UInt32
        let attempt: UInt32
        let worker: String
    }

    static let tools = [
        Scenario.tool("terminal", requires: "command", idempotentWhen: .at("/command", .equals(#""y""#))),
        Scenario.tool("read", requires: "path", idempotent: true),
        Scenario.tool("search", requires: "text", parallel: true),
        Scenario.tool("look", requires: "text", idempotent: true, parallel: true),
        Scenario.tool(
            "deploy", requires: "target", idempotentWhen: .at("/target", .equals(#""x""#)), byWorker: true),
        Scenario.tool("fetch", requires: "url", idempotent: true, parallel: true, byWorker: true),
    ]

    /// - Parameter isTraced: also notes what happens. It takes more time than the rest, and the same seed plays the
    ///   same again: trace only what failed.
    init(seed: UInt64, isTraced: Bool = false) {
        self.isTraced = isTraced
        random = SplitMix64(state: seed)
        // Now and then questions may be open side by side.
        let ask = Scenario.tool(CoreTool.askHuman.name, requires: "question", parallel: random.chance(30))
        auditor = Auditor(tools: Simulation.tools + [ask])
        run = Run(id: RunID(microseconds: 1_000_000_000, random: seed))
        launched.model = "mock/x"
        launched.tools = Simulation.tools + [ask]
        launched.modelAttempts = UInt32(random.below(4))
        if random.chance(40) { launched.limits = randomLimits() }
        if random.chance(60) { launched.policy = randomPolicy() }
        if random.chance(15) { launched.holdAt = .selection }
        if random.chance(30) { launched.fallbackModels = ["mock/y", "mock/x", "mock/z"] }
        if random.chance(40) { launched.patienceMs = UInt32(1 + random.below(20_000)) }
    }

    /// Plays so many inputs, then lets everything come to rest.
    mutating func play(inputs: Int) throws {
        try command(.launch(launched, task: random.chance(80) ? "go" : ""))
        for _ in 0..<inputs { try playOne() }
        if random.chance(20) { try forkSomewhere() }
        try comeToRest()
    }

    mutating func playOne() throws {
        now += Int64(random.below(2_800_000))
        if random.chance(3) { lead = random.pick([0, 1, -3600, 3600, -31_536_000, 31_536_000]) * 1_000_000 }
        switch random.below(102) {
        case 0..<40: try command(randomRequest())
        case 40..<84: try endSomething()
        case 84..<89: try decide(staleEnd())
        case 89..<95:
            now += Int64(random.below(20_000_000))
            try decide(.timePassed)
        case 95..<98: try crash()
        case 98..<100: try shutDown()
        default: try move()
        }
    }

    // MARK: - What happens

    mutating func command(_ request: RunRequest) throws {
        let ifSeq: UInt64? = random.chance(10) ? run.seq - UInt64(random.chance(50) && run.seq > 0 ? 1 : 0) : nil
        let before = run
        let messages = auditor.messages.count
        if isTraced { seen.insert("\(request.name) \(before.status)") }
        do {
            try decide(.command(request, Provenance(by: "ann", reason: "sim", ifSeq: ifSeq)))
        } catch let refusal as Refusal {
            if isTraced { trace.append("  refused: \(refusal)") }
            return try check(refusal, of: request, ifSeq: ifSeq)
        }
        if let ifSeq, ifSeq != before.seq { throw Broken("accepted for seq \(ifSeq), and the run was elsewhere") }
        if request.isRefused(in: before.status), !before.isHandedOff {
            throw Broken("accepted, and the run was \(before.status)")
        }
        if case .startCall(let call, let attempt, let worker) = request {
            leases.append(Lease(call: call, attempt: attempt, worker: worker))
        }
        try checkAccepted(request, before: before, messages: messages)
    }

    private mutating func endSomething() throws {
        guard let effect = random.pick(sorted: outside) else { return try decide(.timePassed) }
        guard case .lease(let number, let attempt) = effect else {
            outside.remove(effect)
            return try decide(end(of: effect))
        }
        guard random.chance(75), let worker = run.calls[number: number]?.worker else {
            outside.remove(effect)
            return try decide(.leaseEnded(call: number, attempt: attempt))
        }
        try command(.completeCall(call: number, attempt: attempt, worker: worker, randomResult()))
        if !run.wanted.contains(effect) { outside.remove(effect) }
    }

    func end(of effect: Effect, _ random: inout SplitMix64) -> Input {
        switch effect {
        case .model(let step, let attempt):
            if random.chance(20) {
                let failure = FermataFailure.with {
                    $0.kind = random.pick(["SILENCE", "SILENCE", "SILENCE", "REASONING_REFUSED", "IMAGES_REFUSED"])
                    $0.retryable = random.chance(70)
                    $0.retryAfterMs = random.chance(20) ? random.next() >> UInt64(random.below(64)) : 0
                }
                return .modelFailed(step: step, attempt: attempt, failure, soFar: Simulation.answer(of: effect))
            }
            let calls = (0..<(random.chance(30) ? 0 : random.below(5))).map { _ in Simulation.randomCall(&random) }
            let text = random.chance(70) ? "t" : ""
            let usage = FermataUsage.with { $0.costNanoUsd = Int64(random.below(3)) }
            var blocks: [FermataBlock] = []
            if step % 3 == 0 {
                blocks = [.with { $0.reasoning = "why" }] + (text.isEmpty ? [] : [.with { $0.text = 1 }])
                blocks += calls.indices.map { index in .with { $0.call = UInt32(index + 1) } }
            }
            return .modelAnswered(
                step: step, attempt: attempt, ModelReply(text: text, calls: calls, usage: usage, blocks: blocks))
        case .tool(let call, let attempt):
            let outcome: FermataCallOutcome = random.pick([
                .callFinished, .callFinished, .callFinished, .callFailed, .callTimedOut, .callUnknown,
            ])
            return .toolEnded(call: call, attempt: attempt, ToolReply(outcome: outcome, output: "o"))
        case .lease(let call, let attempt): return .leaseEnded(call: call, attempt: attempt)
        }
    }

    private mutating func end(of effect: Effect) -> Input { end(of: effect, &random) }

    /// An end of an attempt that is over, or was never made.
    private mutating func staleEnd() -> Input {
        let number = UInt32(random.below(Int(run.turn.step) + 3))
        let attempt = UInt32(random.below(4))
        let call = UInt32(random.below(auditor.calls.count + 2))
        let effect: Effect =
            switch random.below(4) {
            case 0..<2: .model(step: number, attempt: attempt)
            case 2: .tool(call: call, attempt: attempt)
            default: .lease(call: call, attempt: attempt)
            }
        guard !run.begun.contains(effect) else { return .timePassed }
        return random.chance(80) ? end(of: effect) : .lost(effect)
    }

    /// The process dies between two decisions, or in the middle of one that was not committed.
    private mutating func crash() throws {
        if random.chance(50), case .some(let undone) = try? run.decide(.timePassed, context(for: .timePassed)) {
            if isTraced { trace.append("crash, and \(undone.events.count) events were never written") }
        } else {
            if isTraced { trace.append("crash") }
        }
        try restart()
    }

    private mutating func shutDown() throws {
        isEnding = true
        try decide(.shutdown)
        for _ in 0..<random.below(4) {
            // Who commands does not know that the service ends.
            if random.chance(30) { try command(.setPolicy(randomPolicy())) }
            if !outside.isEmpty { try endSomething() }
        }
        isEnding = false
        if isTraced { trace.append("restart") }
        try restart()
    }

    /// What the service does at its start: only runs that are active are looked at.
    mutating func restart() throws {
        outside = []
        run = journal.reduce(into: Run(id: run.id)) { $0.apply($1) }
        guard run.isActive || run.due.map({ $0 <= now }) ?? false else { return try checkState() }
        for effect in run.begun.inOrder { try decide(.lost(effect)) }
        try decide(.timePassed)
    }

    // MARK: - Deciding and checking

    private func context(for input: Input) -> Context {
        Context(
            now: now, lead: lead, mayStart: !isEnding, answerSoFar: Simulation.answer(of:),
            outputSoFar: { ToolReply(outcome: .callInterrupted, output: Simulation.text(of: $0)) })
    }

    /// What an effect in flight has brought so far: nothing, or something of its own.
    private static func text(of effect: Effect) -> String {
        switch effect {
        case .model(let step, let attempt): (step + attempt) % 3 == 0 ? "" : "partial \(step).\(attempt)"
        case .tool(let call, _), .lease(let call, _): call % 2 == 0 ? "" : "output \(call)"
        }
    }

    /// A model's, now and then with reasoning before it.
    private static func answer(of effect: Effect) -> AnswerSoFar {
        let text = text(of: effect)
        guard case .model(let step, _) = effect, step % 4 == 1 else { return AnswerSoFar(text) }
        let blocks = [FermataBlock.with { $0.reasoning = "why" }, .with { $0.text = UInt64(text.utf8.count) }]
        return AnswerSoFar(text, blocks: text.isEmpty ? Array(blocks.prefix(1)) : blocks)
    }

    mutating func decide(_ input: Input) throws {
        if isTraced { trace.append("\(run.status) \(Simulation.line(input)) at \(now)") }
        let context = context(for: input)
        let decision = try run.decide(input, context)
        guard try run.decide(input, context).events == decision.events else { throw Broken("decide is not pure") }
        var folded = run
        for event in decision.events {
            if isTraced { trace.append("  \(event.seq) \(event.name)") }
            if isTraced { seen.insert(event.name) }
            try auditor.read(event)
            if let problem = folded.problem(withNext: event) {
                throw Broken("an import would refuse \(event.seq): \(problem)")
            }
            folded.apply(event)
        }
        guard folded == decision.run else { throw Broken("the events do not fold to the state") }
        guard decision.events.isEmpty || Run(id: run.id, snapshot: decision.run.snapshot) == decision.run else {
            throw Broken("the snapshot is not the state")
        }
        if isEnding, decision.events.contains(where: \.begins) {
            throw Broken("something begins while the service ends")
        }
        if let effect = input.ended, !run.begun.contains(effect), decision.events.contains(where: \.ends) {
            throw Broken("the end of an attempt that is not current changed something")
        }
        try checkFuture(before: run, after: decision.run)
        run = decision.run
        journal += decision.events
        if !isEnding { outside.formUnion(run.wanted) }
        // A tool that was cut is gone only when its end has come in; a model call that was cut may end or not.
        try checkState()
    }

    // MARK: - The end

    /// The operators resume and answer, models, tools and workers end well, until nothing moves any more.
    mutating func comeToRest() throws {
        if isTraced { trace.append("come to rest") }
        for _ in 0..<10_000 {
            if let effect = random.pick(sorted: outside) {
                outside.remove(effect)
                switch effect {
                case .model(let step, let attempt):
                    try decide(.modelAnswered(step: step, attempt: attempt, ModelReply(text: "Done.")))
                case .tool(let call, let attempt):
                    try decide(
                        .toolEnded(call: call, attempt: attempt, ToolReply(outcome: .callFinished, output: "o")))
                case .lease(let call, let attempt):
                    guard let worker = run.calls[number: call]?.worker, run.wanted.contains(effect) else { continue }
                    try order(.completeCall(call: call, attempt: attempt, worker: worker, .result("o")))
                }
            } else if let ask = auditor.openAsks.first, !run.isStopped {
                // Time may have passed unseen.
                try decide(.timePassed)
                if auditor.asks[ask]!.isOpen { try order(.answer(goodAnswer(to: ask))) }
            } else if let call = run.ready.first {
                try order(.startCall(call: call.number, attempt: call.attempt + 1, worker: "w1"))
            } else if let due = run.due {
                now = max(now, due)
                try decide(.timePassed)
            } else if run.status == .paused || run.status == .failed {
                try order(.resume(ResumeTerms(holdAt: HoldPoint.none)))
            } else {
                return try checkRest()
            }
        }
        throw Broken("it never comes to rest")
    }

    /// A command that must not be refused.
    private mutating func order(_ request: RunRequest) throws {
        do {
            try decide(.command(request, Provenance(by: "ann")))
        } catch let refusal as Refusal {
            throw Broken("refused: \(refusal)")
        }
    }
}

private typealias HoldPoint = FermataHoldPoint.At

extension Simulation {
    private static func line(_ input: Input) -> String {
        switch input {
        case .command(.launch, _): "launch"
        case .command(let request, let provenance): "\(request) ifSeq \(provenance.ifSeq.map(String.init) ?? "-")"
        case .modelAnswered(let step, let attempt, let reply):
            "model \(step).\(attempt) answers \(reply.calls.map(\.tool))"
        case .modelFailed(let step, let attempt, let failure, _):
            "model \(step).\(attempt) fails, \(failure.retryable ? "retryable" : "for good")"
        case .toolEnded(let call, let attempt, _): "tool \(call).\(attempt) ends"
        case .leaseEnded(let call, let attempt, _): "lease \(call).\(attempt) ends"
        case .lost(let effect, _): "lost \(effect)"
        case .timePassed: "time"
        case .shutdown: "shutdown"
        case .ancestor(let news, _): "ancestor \(news)"
        }
    }
}

extension Input {
    /// The effect whose end it is.
    fileprivate var ended: Effect? {
        switch self {
        case .modelAnswered(let step, let attempt, _), .modelFailed(let step, let attempt, _, _):
            .model(step: step, attempt: attempt)
        case .toolEnded(let call, let attempt, _): .tool(call: call, attempt: attempt)
        case .leaseEnded(let call, let attempt, _): .lease(call: call, attempt: attempt)
        case .lost(let effect, _): effect
        case .command, .timePassed, .shutdown, .ancestor: nil
        }
    }
}

extension FermataEvent {
    fileprivate var ends: Bool {
        switch kind {
        case .modelAnswered, .modelFailed, .modelCut, .callEnded, .callGone, .callLost: true
        default: false
        }
    }

    fileprivate var begins: Bool {
        switch kind {
        case .modelCalled, .callStarted: true
        // A pause, and an outcome that nobody knows, are the ends of what went on.
        case .askOpened(let ask): ask.kind != .outcome && (ask.kind != .question || ask.tool == CoreTool.askHuman.name)
        default: false
        }
    }
}
