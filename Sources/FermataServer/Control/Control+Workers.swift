internal import FermataCore
internal import FermataProtocol
internal import JSON
internal import Journal
internal import Logging
internal import RunRows
internal import Secrets
internal import SwiftProtobuf
internal import Threads

/// Tools that workers serve, and their calls.
extension Control {
    // MARK: - Tools

    func registerTools(
        _ register: FermataRegisterTools, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let (tools, worker): ([FermataToolSpec], String)
        do {
            worker = try name(register.worker)
            guard !register.tools.isEmpty else {
                throw Refusal(.invalidArgument, "tools is empty", details: ["field": "tools"])
            }
            tools = try launches.workerTools(register.tools.map { $0.masked(by: secrets) }, field: "tools")
            noteUnchecked(tools)
        } catch let refusal as Refusal {
            return refuse(register, refusal, complete)
        }
        loop.inbox.put(
            .registerTools(
                ToolCommand(
                    tools: tools, worker: worker, by: register.by.isEmpty ? exchange.sender : register.by,
                    identity: try identity(of: register, complete))))
    }

    /// Says in the log what of the tools' schemas is not checked.
    func noteUnchecked(_ tools: [FermataToolSpec]) {
        for (tool, pointer, reason) in tools.uncheckedPlaces {
            loop.logger.notice(
                "a part of a tool's schema is not checked",
                metadata: ["tool": "\(tool)", "pointer": "\(pointer)", "reason": "\(reason)"])
        }
    }

    func listTools(_ list: FermataListTools, _ complete: @escaping Exchange.Completion) throws {
        let limit = Control.rows(list.limit)
        guard list.after.isEmpty || FermataAgent.isName(list.after) else { throw Refusal.badCursor }
        try readers.readPage { [offers, launches] reader in
            complete(
                Result {
                    var reply = FermataListToolsReply()
                    if list.after.isEmpty {
                        reply.tools = launches.tools.offered.map { tool in .with { $0.spec = tool } }
                    }
                    let after = list.after.isEmpty ? nil : list.after
                    reply.next =
                        try Control.page(after: after, limit: limit, atOnce: 8) { after, limit in
                            try reader.tools(after: after, limit: limit)
                        } each: { row in
                            var tool = try FermataRegisteredTool(row)
                            tool.polledAt = offers.polledAt(row.name) ?? 0
                            reply.tools.append(tool)
                            return (row.body.count, row.name)
                        } ?? ""
                    return try reply.serializedBytes()
                })
        }
    }

    /// Reads those of these tools that are registered.
    func withTools(
        named names: [String], _ body: @escaping @Sendable (Result<RegisteredTools, Refusal>) -> Void
    ) {
        guard !names.isEmpty else { return body(.success(RegisteredTools())) }
        readers.lookUp { reader in
            body(Result { try Control.tools(named: names, reader) })
        }
    }

    static func tools(named names: [String], _ reader: any JournalReading) throws -> RegisteredTools {
        var found = RegisteredTools()
        found.specs = try names.compactMap { try reader.tool($0) }.map { try FermataRegisteredTool($0).spec }
        if found.specs.count < names.count { found.others = try reader.tools(after: nil, limit: 64).map(\.name) }
        return found
    }

    // MARK: - Calls

    func takeCalls(
        _ take: FermataTakeCalls, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if take.waitMs > 0, !exchange.isAlone {
            throw Refusal(
                .invalidArgument, "a read that waits has to be alone in its message", details: ["field": "wait_ms"])
        }
        _ = try name(take.worker)
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
        if wait > 0 { loop.inbox.wake() }
    }

    func startCall(
        _ start: FermataStartCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        let worker: String
        do throws(Refusal) {
            worker = try name(start.worker)
            _ = try Control.lease(start.leaseMs)
        } catch {
            return refuse(start, error, complete)
        }
        try onRun(
            start, .startCall(call: start.call, attempt: start.attempt, worker: worker), exchange, complete)
    }

    func completeCall(
        _ done: FermataCompleteCall, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        do throws(Refusal) {
            let worker = try name(done.worker)
            let result = try Control.result(done)
            withContent(result.text, done.blocks) { [self] content in
                do {
                    let result = try result.with(content.get()).masked(by: secrets)
                    try onRun(
                        done,
                        .completeCall(call: done.call, attempt: done.attempt, worker: worker, result), exchange,
                        complete)
                } catch {
                    refuse(done, error as? Refusal ?? Refusal(.internalError, "\(error)"), complete)
                }
            }
        } catch {
            refuse(done, error, complete)
        }
    }

    func extendCall(_ extend: FermataExtendCall, _ complete: @escaping Exchange.Completion) throws {
        let worker = try name(extend.worker)
        let lease = try Control.lease(extend.leaseMs)
        if !extend.output.isEmpty { try check(text: extend.output, field: "output") }
        try find(extend.run) { [loop] found in
            switch found {
            case .failure(let refusal): complete(.failure(refusal))
            case .success(let run):
                loop.inbox.put(
                    .extendCall(
                        RunLoop.Extension(
                            run: run, call: extend.call, attempt: extend.attempt, worker: worker, lease: lease,
                            output: extend.output, reply: complete)))
            }
        }
    }

    // MARK: - Checks

    /// A worker's name as it is written down: without the keys of the service.
    private func name(_ worker: String) throws(Refusal) -> String {
        guard (1...Configuration.maximumNameBytes).contains(worker.utf8.count) else {
            throw Refusal(
                .invalidArgument, "worker is not 1 to \(Configuration.maximumNameBytes) bytes",
                details: ["field": "worker"])
        }
        return secrets.masked(worker)
    }

    /// The length of a lease, µs.
    static func lease(_ milliseconds: UInt32) throws(Refusal) -> Int64 {
        guard milliseconds > 0 else { return Configuration.defaultLease }
        guard Configuration.leases.contains(milliseconds) else {
            let (least, most) = (Configuration.leases.lowerBound, Configuration.leases.upperBound)
            throw Refusal(
                .invalidArgument, "lease_ms is not from \(least) to \(most)", details: ["field": "lease_ms"])
        }
        return Int64(milliseconds) * 1000
    }

    private static func result(_ done: FermataCompleteCall) throws(Refusal) -> WorkerResult {
        func fits(_ text: String, _ field: String) throws(Refusal) {
            guard text.utf8.count <= Configuration.maximumTextBytes else {
                throw Refusal(
                    .invalidArgument, "\(field) is longer than \(Configuration.maximumTextBytes) bytes",
                    details: ["field": field])
            }
        }
        switch done.outcome {
        case .result(let text):
            try fits(text, "result")
            return .result(Content(text))
        case .error(let text):
            try fits(text, "error")
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
            ] { try fits(text, field) }
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

extension FermataToolSpec {
    fileprivate func masked(by secrets: SecretTable) -> FermataToolSpec {
        if secrets.isEmpty { return self }
        var spec = self
        spec.description_p = secrets.masked(description_p)
        spec.parameters = secrets.masked(parameters)
        return spec
    }
}
