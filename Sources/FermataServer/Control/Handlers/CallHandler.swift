internal import FermataCore
internal import FermataProtocol
internal import Secrets
internal import Threads

/// Calls that workers execute.
struct CallHandler: FrameHandler {
    let entry: CommandEntry
    let runs: RunLookUp
    let contents: ContentLookUp
    let offers: CallOffers
    /// What is masked in everything that workers send.
    let secrets: SecretTable

    var routes: [Route] {
        [
            .read(takeCalls), .command(entry, startCall), .read(extendCall), .command(entry, completeCall),
        ]
    }

    private func takeCalls(
        _ take: FermataTakeCalls, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if take.waitMs > 0 { try exchange.checkIsAlone(field: "wait_ms") }
        _ = try secrets.nameOfWorker(take.worker)
        guard !take.tools.isEmpty, take.tools.count <= FermataToolSpec.maximumCount,
            take.tools.allSatisfy(FermataAgent.isName)
        else {
            throw Refusal(
                .invalidArgument, "tools is not 1 to \(FermataToolSpec.maximumCount) names of tools",
                details: ["field": "tools"])
        }
        let wait = Int64(min(take.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        offers.take(
            CallOffers.Poll(
                tools: Set(take.tools), limit: min(max(1, Int(take.limit)), Configuration.offersAtOnce),
                connection: exchange.connection, complete: complete),
            until: wait == 0 ? nil : Clock.monotonic + wait)
        if wait > 0 { entry.inbox.wake() }
    }

    private func startCall(
        _ start: FermataStartCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let worker = try secrets.nameOfWorker(start.worker)
        let lease = try Self.lease(start.leaseMs)
        try entry.onRun(
            start, .startCall(call: start.call, attempt: start.attempt, worker: worker), exchange, complete,
            lease: lease)
    }

    private func completeCall(
        _ done: FermataCompleteCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let worker = try secrets.nameOfWorker(done.worker)
        let result = try Self.result(done)
        contents.complete(result.text, done.blocks) { content in
            entry.refusing(done, complete) {
                let result = try result.with(content.get()).masked(by: secrets)
                try entry.onRun(
                    done, .completeCall(call: done.call, attempt: done.attempt, worker: worker, result), exchange,
                    complete)
            }
        }
    }

    private func extendCall(
        _ extend: FermataExtendCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let worker = try secrets.nameOfWorker(extend.worker)
        let lease = try Self.lease(extend.leaseMs)
        if !extend.output.isEmpty { try TextCheck.text(extend.output, field: "output") }
        try runs.find(extend.run, for: complete) { run in
            entry.inbox.put(
                .extendCall(
                    RunLoop.Extension(
                        run: run, call: extend.call, attempt: extend.attempt, worker: worker, lease: lease,
                        output: extend.output, reply: complete)))
        }
    }

    // MARK: - Checks

    /// The length of a lease, µs.
    private static func lease(_ milliseconds: UInt32) throws(Refusal) -> Int64 {
        guard milliseconds > 0 else { return Configuration.defaultLease }
        guard Configuration.leases.contains(milliseconds) else {
            let (least, most) = (Configuration.leases.lowerBound, Configuration.leases.upperBound)
            throw Refusal(
                .invalidArgument, "lease_ms is not from \(least) to \(most)", details: ["field": "lease_ms"])
        }
        return Int64(milliseconds) * 1000
    }

    private static func result(_ done: FermataCompleteCall) throws(Refusal) -> WorkerResult {
        switch done.outcome {
        case .result(let text):
            try TextCheck.length(text, field: "result")
            return .result(Content(text))
        case .error(let text):
            try TextCheck.length(text, field: "error")
            return .failure(Content(text))
        case .pause(let question):
            guard done.blocks.isEmpty else {
                throw Refusal(
                    .invalidArgument, "blocks are of a result or an error, and a pause has neither",
                    details: ["field": "blocks"])
            }
            for (text, field) in [
                (question.question, "pause.question"), (question.context, "pause.context"),
                (question.defaultAnswer, "pause.default_answer"), (question.format.schema, "pause.format.schema"),
            ] { try TextCheck.length(text, field: field) }
            return .pause(question)
        case nil:
            throw Refusal(
                .invalidArgument, "none of result, error and pause is set", details: ["field": "outcome"])
        }
    }
}

/// What workers say may repeat what they were told or know: a key that the service has as well.
extension WorkerResult {
    fileprivate var text: String {
        switch self {
        case .result(let content), .failure(let content): content.text
        case .pause: ""
        }
    }

    fileprivate func with(_ content: Content) -> WorkerResult {
        switch self {
        case .result: .result(content)
        case .failure: .failure(content)
        case .pause: self
        }
    }

    fileprivate func masked(by secrets: SecretTable) -> WorkerResult {
        if secrets.isEmpty { return self }
        switch self {
        case .result(let output): return .result(output.replacingText(secrets.masked(output.text)))
        case .failure(let problem): return .failure(problem.replacingText(secrets.masked(problem.text)))
        case .pause(var question):
            question.question = secrets.masked(question.question)
            question.context = secrets.masked(question.context)
            question.defaultAnswer = secrets.masked(question.defaultAnswer)
            if question.hasFormat {
                question.format.schema = secrets.masked(question.format.schema)
                question.format.choices = question.format.choices.map(secrets.masked)
            }
            return .pause(question)
        }
    }
}
