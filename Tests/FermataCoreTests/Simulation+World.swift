import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf

/// What the people, models and workers of a simulation want.
extension Simulation {
    mutating func randomRequest() -> RunRequest {
        switch random.below(140) {
        case 0..<28: return .send(randomContent("m"), random.pick([.nextStep, .now, .whenIdle, .unspecified]))
        case 28..<34: return .withdraw(message: UInt32(random.below(auditor.messages.count + 2)))
        case 34..<46: return .pause(randomTerms())
        case 46..<54: return .interrupt(randomTerms())
        case 54..<70:
            return .resume(
                ResumeTerms(
                    text: random.chance(25) ? "r" : "", tokenDigest: random.chance(20) ? [random.pick([1, 2])] : [],
                    holdAt: random.pick([.unspecified, .unspecified, .none, .selection]),
                    model: random.chance(10) ? .with { $0.model = random.pick(["mock/x", "mock/y"]) } : nil))
        case 70..<92: return .answer(randomAnswer())
        case 92..<102:
            let call = run.ready.isEmpty || random.chance(10) ? nil : random.pick(run.ready)
            return .startCall(
                call: call?.number ?? randomCallNumber(), attempt: (call?.attempt ?? 0) + 1,
                worker: random.pick(["w1", "w2"]))
        case 102..<110:
            // Late, or of somebody who never had it.
            guard !leases.isEmpty else { return .stop }
            let lease = random.pick(leases)
            let worker = random.chance(80) ? lease.worker : "w3"
            return .completeCall(call: lease.call, attempt: lease.attempt, worker: worker, randomResult())
        case 110..<118: return .setPolicy(randomPolicy())
        case 118..<122: return .setLimits(randomLimits())
        case 122..<132:
            return .decideCall(
                CallDecision(
                    call: randomCallNumber(), verdict: random.pick([.edit, .edit, .reject, .approve]), text: "no",
                    arguments: random.pick(Simulation.arguments)))
        case 132..<134: return .handOff
        case 134: return .stop
        default: return .pause()
        }
    }

    private mutating func randomCallNumber() -> UInt32 {
        let open = run.calls.filter { $0.state != .ended }.map(\.number)
        return open.isEmpty || random.chance(20) ? UInt32(random.below(auditor.calls.count + 2)) : random.pick(open)
    }

    private mutating func randomTerms() -> HoldTerms {
        HoldTerms(
            resumeAt: random.chance(30) ? now + lead + Int64(1 + random.below(20)) * 1_000_000 : nil,
            tokenDigest: random.chance(30) ? [random.pick([1, 2])] : [])
    }

    /// This text, sometimes with an image or a file before or behind it, or an image alone.
    private mutating func randomContent(_ text: String) -> Content {
        guard random.chance(30) else { return Content(text) }
        let digest = String(repeating: random.pick(["a1", "b2", "c3"]), count: 32)
        let media = FermataBlock.with { block in
            var blob = FermataBlob.with {
                $0.sha256 = digest
                $0.bytes = 64
                $0.mediaType = "image/png"
            }
            guard digest.hasPrefix("c") else { return block.image = blob }
            blob.mediaType = "text/plain"
            block.file = blob
        }
        let length = FermataBlock.with { $0.text = UInt64(text.utf8.count) }
        return switch random.below(3) {
        case 0: Content(text, blocks: [length, media])
        case 1: Content(text, blocks: [media, length])
        default: Content("", blocks: [media])
        }
    }

    mutating func randomResult() -> WorkerResult {
        switch random.below(10) {
        case 0..<6: .result(randomContent("w"))
        case 6..<7: .failure(randomContent("f"))
        default:
            .pause(
                .with {
                    $0.question = "?"
                    guard random.chance(50) else { return }
                    $0.deadlineMs = UInt32(1 + random.below(20_000))
                    $0.atDeadline = random.pick([.rejectIt, .default, .never])
                    $0.defaultAnswer = "d"
                })
        }
    }

    /// Arguments that fit the tools' schemas, those of one at a time or all.
    static let arguments =
        ["x", "y"].flatMap { value in
            ["command", "path", "text", "target", "url", "question"].map { #"{"\#($0)":"\#(value)"}"# }
        } + ["{}", "{"]

    mutating func randomLimits() -> FermataLimits {
        .with {
            if random.chance(50) { $0.maxSteps = UInt32(1 + random.below(4)) }
            if random.chance(40) { $0.maxCostNanoUsd = Int64(1 + random.below(6)) }
            if random.chance(40) { $0.maxRepeats = UInt32(2 + random.below(2)) }
        }
    }

    mutating func randomPolicy() -> FermataPolicy {
        let names = ["terminal", "read", "search", "look", "deploy", "fetch", CoreTool.askHuman.name]
        return .with {
            for name in names where random.chance(50) {
                // ask_human takes nothing else, and a condition on what is never there is refused.
                let fields = ["command", "path", "text", "target", "url", "question", "nothing"]
                let field = random.pick(name == CoreTool.askHuman.name ? ["question", "context"] : fields)
                var policy = FermataToolPolicy.of(name, random.pick([.allow, .ask, .ask, .ask, .deny]))
                if random.chance(40) {
                    policy.rules = [.when(random.pick([.allow, .ask, .deny]), .at("/" + field, .equals("\"x\"")))]
                }
                if random.chance(20) { policy.deadlineMs = UInt32(1 + random.below(20_000)) }
                policy.whenUnknown = random.pick([.unspecified, .askPeople, .tellModel])
                $0.tools.append(policy)
            }
        }
    }

    // MARK: - Answers

    private mutating func randomAnswer() -> AskAnswer {
        let asks = auditor.openAsks
        guard !asks.isEmpty, random.chance(85) else {
            return AskAnswer(ask: UInt32(random.below(auditor.asks.count + 2)), text: "a")
        }
        var answer = goodAnswer(to: random.pick(asks))
        switch random.below(10) {
        case 0:
            answer.verdict = random.pick([
                .unspecified, .approve, .edit, .reject, .runAgain, .takeResult, .tellUnknown, .raise, .goOn, .guide,
                .endTurn, .useModel,
            ])
        case 1: answer.argumentsDigest = random.pick(["", "00"])
        case 2: answer.text = ""
        case 3: answer.arguments = random.pick(Simulation.arguments)
        default: break
        }
        return answer
    }

    /// One that its ask takes, as long as its deadline has not come.
    mutating func goodAnswer(to number: UInt32) -> AskAnswer {
        let ask = auditor.asks[number]!
        var answer = AskAnswer(ask: number)
        answer.text = "a"
        switch ask.kind {
        case .approval:
            answer.verdict = random.pick([.approve, .approve, .edit, .reject])
            answer.argumentsDigest = random.chance(20) ? nil : run.calls[number: ask.call]?.argumentsDigest
            if answer.verdict == .edit { answer = edit(answer, of: ask.call) }
            if answer.verdict != .edit, random.chance(15) {
                answer.sticky = random.chance(50) ? [] : [.at("/command", .equals("\"x\""))]
            }
        case .outcome: answer.verdict = random.pick([.runAgain, .takeResult, .tellUnknown])
        case .budget: answer.verdict = random.pick([.raise, .raise, .endTurn])
        case .stuck: answer.verdict = random.pick([.guide, .goOn, .endTurn])
        case .limit: answer.verdict = random.pick([.goOn, .useModel, .endTurn])
        default: break
        }
        return answer
    }

    /// With arguments that the policy does not deny; else it is approved as it is.
    private func edit(_ answer: AskAnswer, of number: UInt32) -> AskAnswer {
        var answer = answer
        let call = run.calls[number: number]!
        answer.arguments = call.arguments.replacing("\"x\"", with: "\"y\"")
        if run.spec.policy.gate(tool: call.tool, arguments: answer.arguments) == .deny { answer.verdict = .approve }
        return answer
    }

    static func randomCall(_ random: inout SplitMix64) -> ModelReply.Call {
        let value = random.pick(["x", "x", "y"])
        return switch random.below(15) {
        case 0..<2: .terminal(value)
        case 2..<4: .read(value)
        case 4..<6: .search(value)
        case 6..<8: .look(value)
        case 8..<10: .ask(value)
        case 10..<12: .deploy(value)
        case 12..<14: .fetch(value)
        default: random.pick([.init("nope", "{}"), .init("terminal", "{"), .init("read", "{}"), .init("look", "7")])
        }
    }
}
