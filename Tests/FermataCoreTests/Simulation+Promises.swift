import FermataCore
import FermataProtocol
import RunAudit
import SwiftProtobuf

/// What is checked after every input.
extension Simulation {
    func check(_ refusal: Refusal, of request: RunRequest, ifSeq: UInt64?) throws {
        switch refusal.code {
        case .wrongStatus:
            guard refusal.details["status"] == run.status.protocolName else {
                throw Broken("the refusal names another status than \(run.status)")
            }
            if case .decideCall(let decision) = request,
                auditor.openAsks.contains(where: { auditor.asks[$0]!.call == decision.call })
            {
                break
            }
            guard request.isRefused(in: run.status) else { throw Broken("refused, and the run was \(run.status)") }
        case .stale:
            if case .answer(let answer) = request, answer.argumentsDigest == "00" { break }
            guard ifSeq != nil, ifSeq != run.seq else { throw Broken("stale, and it is not") }
        case .noSuchMessage, .alreadyDelivered:
            guard case .withdraw(let number) = request, auditor.messages[number]?.isWaiting != true else {
                throw Broken("\(refusal.code), and the message waits")
            }
        case .noSuchAsk, .askClosed, .alreadyAnswered:
            guard case .answer(let answer) = request, auditor.asks[answer.ask]?.isOpen != true else {
                throw Broken("\(refusal.code), and the ask is open")
            }
        case .expired:
            guard case .answer(let answer) = request, let ask = auditor.asks[answer.ask],
                ask.isExpired || ask.deadline > 0 && ask.deadline <= now
            else { throw Broken("expired, and it is not") }
        case .invalidAnswer:
            guard case .answer(let answer) = request, auditor.asks[answer.ask]?.isOpen == true else {
                throw Broken("an invalid answer to no ask")
            }
        case .invalidArgument:
            switch request {
            case .decideCall: break
            case .setPolicy(let policy):
                guard policy.unreachable(tools: run.spec.tools, isTool: { _ in true }, old: run.spec.policy) != nil
                else {
                    throw Broken("a policy that can act is refused")
                }
            default: throw Broken("invalid")
            }
        case .noSuchCall, .callEnded, .callTaken: try check(refusal.code, ofCallIn: request)
        case .inFlight:
            guard case .handOff = request, !run.begun.isEmpty || run.status == .running || run.summary.nextAttemptAt > 0
            else {
                throw Broken("in flight")
            }
        case .tokenUsed:
            guard case .resume(let terms) = request, !terms.tokenDigest.isEmpty else {
                throw Broken("no token was used")
            }
        default: throw Broken("refused as \(refusal.code)")
        }
    }

    private func check(_ code: ErrorCode, ofCallIn request: RunRequest) throws {
        let number: UInt32
        switch request {
        case .decideCall(let decision): number = decision.call
        case .startCall(let call, let attempt, _):
            number = call
            if auditor.ready.contains(call), attempt == auditor.calls[call]!.starts + 1 {
                throw Broken("ready, and refused")
            }
        case .completeCall(let call, let attempt, let worker, _):
            number = call
            let isMine = run.calls[number: call]?.worker == worker && run.calls[number: call]?.attempt == attempt
            if isMine, auditor.wanted.contains(.lease(call: call, attempt: attempt)) {
                throw Broken("its own, and refused")
            }
        default: throw Broken("\(code), of no call")
        }
        let call = auditor.calls[number]
        if (code == .noSuchCall) != (call == nil) { throw Broken("\(code), of call \(number)") }
        if code == .callTaken, call?.isOpen != true { throw Broken("taken, and it has its result") }
    }

    /// What the answer to a command says is so.
    func checkAccepted(_ request: RunRequest, before: Run, messages: Int) throws {
        let isUnchanged = run.seq == before.seq
        switch request {
        case .pause, .interrupt:
            guard run.hold != nil else { throw Broken("accepted, and the run is not on hold") }
            if case .interrupt = request, !run.wanted.isEmpty { throw Broken("interrupted, and something goes on") }
            if before.hold != nil, before.wanted.isEmpty || request.name == "pause", !isUnchanged {
                throw Broken("it was on hold, and events were written")
            }
        case .resume(let terms):
            if !terms.tokenDigest.isEmpty, before.hold?.hasToken_p != true {
                throw Broken("a token lifted another hold")
            }
            guard run.hold == nil else { throw Broken("accepted, and the run is on hold") }
            guard auditor.messages.count == messages + (terms.text.isEmpty ? 0 : 1) else { throw Broken("no message") }
        case .stop:
            guard run.status == .stopped, run.wanted.isEmpty else { throw Broken("accepted, and it is not stopped") }
            if before.status == .stopped, !isUnchanged { throw Broken("it was stopped, and events were written") }
        case .send(_, let delivery):
            guard auditor.messages.count == messages + 1 else { throw Broken("accepted, and no message is queued") }
            guard (run.hold == nil) == (before.hold == nil) else { throw Broken("a message changed the hold") }
            guard delivery == .now else { break }
            if run.hold != nil, run.wanted != before.wanted { throw Broken("a hold did not spare what is in flight") }
            // Every call so far was chosen by a model that had not seen the message.
            if !isEnding, run.calls.contains(where: { $0.state == .selected || $0.state == .asking }) {
                throw Broken("a call waits that the message supersedes")
            }
            if run.summary.nextAttemptAt > 0 { throw Broken("a wait between attempts goes on") }
        case .withdraw(let number):
            guard auditor.messages[number]?.isWithdrawn == true else { throw Broken("it is not withdrawn") }
        case .answer(let answer):
            guard auditor.asks[answer.ask]?.answers == 1 else { throw Broken("accepted, and the ask is not answered") }
            guard before.hold == nil || run.hold != nil else { throw Broken("an answer lifted the hold") }
        case .setPolicy(let policy): guard run.spec.policy == policy else { throw Broken("another policy") }
        case .setLimits(let limits): guard run.budget.limits == limits else { throw Broken("other limits") }
        case .handOff: guard run.isHandedOff, run.status == .stopped else { throw Broken("not handed off") }
        case .startCall(let call, let attempt, _):
            guard run.wanted.contains(.lease(call: call, attempt: attempt)) else {
                throw Broken("started, and not wanted")
            }
        case .decideCall: guard run.hold != nil else { throw Broken("decided, and it is not on hold") }
        case .completeCall(let call, let attempt, let worker, let result):
            guard auditor.calls[call]?.worker == worker, auditor.calls[call]?.starts == attempt else {
                throw Broken("completed by somebody who does not have it")
            }
            if case .pause = result { break }
            guard auditor.calls[call]?.ends == 1 else { throw Broken("completed, and it has no result") }
        case .launch, .launchChild, .fork, .import: break
        }
    }

    func checkState() throws {
        guard run.wanted == auditor.wanted else { throw Broken("wanted is \(run.wanted), not \(auditor.wanted)") }
        guard run.begun == auditor.begun else { throw Broken("begun is \(run.begun), not \(auditor.begun)") }
        guard (run.hold != nil) == auditor.hold else { throw Broken("the hold is not as the journal says") }
        let status = auditor.status
        guard run.status == status else { throw Broken("the status is \(run.status), not \(status)") }
        guard run.due == auditor.due else { throw Broken("due is \(run.due ?? 0), not \(auditor.due ?? 0)") }
        let open = run.isHandedOff ? [] : run.summary.openAsks
        guard run.isStopped || open == auditor.openAsks else { throw Broken("open are \(run.summary.openAsks)") }
        guard run.ready.map(\.number) == auditor.ready else { throw Broken("ready are \(run.ready.map(\.number))") }
        if !isEnding, !run.isStopped, auditor.openAsks.contains(where: { isApprovalOfADeniedCall(auditor.asks[$0]!) }) {
            throw Broken("people are asked about a call that the policy denies")
        }
        if !run.wanted.isEmpty, !run.isActive { throw Broken("something is in flight, and the run is not active") }
        if run.status == .running, !isEnding, run.begun.isEmpty, run.summary.nextAttemptAt == 0 {
            throw Broken("nothing moves it")
        }
        if !isEnding, !run.wanted.isSubset(of: outside) { throw Broken("wanted, and nobody started it") }
        let queued = run.queuedMessages.map(\.number)
        guard queued == auditor.waitingMessages else { throw Broken("queued are \(queued)") }
        guard run.calls.allSatisfy({ ($0.state == .ended) == (auditor.calls[$0.number]?.isOpen == false) }) else {
            throw Broken("calls are not in the state that the journal says")
        }
    }

    /// What cannot come any more does not come, and never again can.
    func checkFuture(before: Run, after: Run) throws {
        // Home again.
        if before.isHandedOff, !after.isHandedOff { return }
        for status in FermataStatus.allCases where !before.canStillBe(status) {
            guard after.status != status, !after.canStillBe(status) else { throw Broken("\(status) came all the same") }
        }
        // A row of a list knows less, and claims no more.
        for status in FermataStatus.allCases where after.canStillBe(status) && !after.summary.canStillBe(status) {
            throw Broken("the summary denies that \(status) can come")
        }
    }

    private func isApprovalOfADeniedCall(_ ask: Auditor.Ask) -> Bool {
        guard ask.kind == .approval, let call = auditor.calls[ask.call] else { return false }
        return auditor.policy.gate(tool: call.tool, arguments: call.arguments) == .deny
    }

    func checkRest() throws {
        guard [.idle, .finished, .stopped].contains(run.status) else { throw Broken("stuck in \(run.status)") }
        guard run.begun.isEmpty, !run.isActive else { throw Broken("at rest, with something in flight") }
        if run.isHandedOff { return }
        guard auditor.calls.values.allSatisfy({ $0.ends == 1 }) else { throw Broken("a call has no result") }
        guard auditor.asks.values.allSatisfy({ !$0.isOpen }) else { throw Broken("an ask is open") }
        if run.status != .stopped {
            guard auditor.waitingMessages.isEmpty else { throw Broken("a message was never delivered") }
            if let problem = brokenTranscript(auditor.transcript) { throw Broken("the transcript: \(problem)") }
        }
        if let problem = try Requests.audit(journal).problem { throw Broken("a request: \(problem)") }
        var refolded = Run(id: run.id)
        for event in journal {
            let bytes: [UInt8] = try event.serializedBytes()
            refolded.apply(try FermataEvent(serializedBytes: bytes))
        }
        guard refolded == run else { throw Broken("the encoded journal does not fold to the state") }
    }
}

extension RunRequest {
    var name: String {
        switch self {
        case .launch: "launch"
        case .launchChild: "launch a child"
        case .send(_, .now): "send now"
        case .send: "send"
        case .withdraw: "withdraw"
        case .pause: "pause"
        case .interrupt: "interrupt"
        case .resume(let terms): terms.text.isEmpty ? "resume" : "resume with a message"
        case .stop: "stop"
        case .answer: "answer"
        case .decideCall: "decide call"
        case .setPolicy: "set policy"
        case .setLimits: "set budget"
        case .handOff: "hand off"
        case .startCall: "start call"
        case .completeCall: "complete call"
        case .fork: "fork"
        case .import: "import"
        }
    }

    /// DESIGN, "Commands on a run": where the table says no.
    func isRefused(in status: FermataStatus) -> Bool {
        switch self {
        case .launch, .stop: false
        case .send: status == .stopped
        case .withdraw: status == .stopped
        case .pause, .interrupt: [.finished, .failed, .stopped].contains(status)
        case .resume(let terms): status == .stopped || terms.text.isEmpty && [.idle, .finished].contains(status)
        case .answer: [.finished, .stopped].contains(status)
        case .decideCall: status != .paused && status != .pausing
        case .setPolicy, .setLimits, .handOff, .launchChild: status == .stopped
        case .startCall, .completeCall, .fork, .import: false
        }
    }
}
