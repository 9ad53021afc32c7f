internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows
internal import Secrets
internal import SwiftProtobuf
internal import Threads
internal import Transfers

/// What the control socket does with each frame: commands go to the loop, reads to the published copy or to the
/// threads that read the journal.
///
/// Threads: frames come on nng's threads, which must not block; nothing here does.
final class Control: Sendable {
    let loop: RunLoop
    let readers: ReaderPool
    let published: PublishedRuns
    let waiters: Waiters
    let offers: CallOffers
    let launches: LaunchCheck
    let tokens: ResumeTokens
    let askTokens: AskTokens
    let accessTokens: AccessTokens
    /// What is masked in everything that workers send.
    let secrets: SecretTable
    let hello: FermataHelloReply
    let counters: Counters
    /// For its figures.
    let journal: any Journal
    let startedAt = Clock.now
    /// Encodes what the loop is not to encode, and decides the later frames of messages.
    let answers: WorkThread
    let launchThread = WorkThread("fermata-launch")
    /// Checkpoints on their way in, and the thread that takes and verifies them.
    let uploads: Uploads
    let importThread = WorkThread("fermata-import")

    init(
        loop: RunLoop, readers: ReaderPool, published: PublishedRuns, waiters: Waiters, offers: CallOffers,
        launches: LaunchCheck, seal: TokenSeal, accessTokens: AccessTokens, secrets: SecretTable,
        hello: FermataHelloReply, counters: Counters, answers: WorkThread, journal: any Journal, directory: String
    ) {
        self.loop = loop
        self.readers = readers
        self.published = published
        self.waiters = waiters
        self.offers = offers
        self.launches = launches
        tokens = ResumeTokens(seal: seal)
        askTokens = AskTokens(seal: seal)
        self.accessTokens = accessTokens
        self.secrets = secrets
        self.hello = hello
        self.counters = counters
        self.answers = answers
        self.journal = journal
        uploads = Uploads(directory: directory)
    }

    /// Decides one frame; completes exactly once.
    func decide(_ frame: Frame, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        do {
            guard frame.version == Frame.currentVersion else {
                throw Refusal(
                    .unknownVersion, "the frame's version is \(frame.version), this server speaks 1",
                    details: ["version": String(Frame.currentVersion)])
            }
            guard frame.flags == 0 else { throw Refusal(.unsupported, "the frame's flags are \(frame.flags), not 0") }
            // Before anything is made of it.
            if let type = FermataFrameType(rawValue: Int(frame.type)),
                let problem = FieldLimits.problem(in: frame.body, of: type)
            {
                throw Refusal(problem)
            }
            if frame.type == UInt16(FermataFrameType.auth.rawValue) {
                return try authenticate(message(FermataAuth.self, in: frame), exchange, complete)
            }
            try access(of: exchange).check(frame)
            try dispatch(frame, exchange, complete)
        } catch let refusal as Refusal {
            complete(.failure(refusal))
        } catch {
            complete(.failure(Refusal(.internalError, "\(error)")))
        }
    }

    private func dispatch(_ frame: Frame, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        switch FermataFrameType(rawValue: Int(frame.type)) {
        case .hello:
            _ = try message(FermataHello.self, in: frame)
            readers.lookUp { [hello] reader in
                complete(
                    Result {
                        var reply = hello
                        reply.nowAt = Clock.now
                        reply.lastOffset = try reader.lastOffset()
                        return try reply.serializedBytes()
                    })
            }
        case .launch:
            let command = try message(FermataLaunch.self, in: frame)
            withContent(command.task, command.blocks) { [self] task in launch(command, task, exchange, complete) }
        case .send:
            let send = try message(FermataSend.self, in: frame)
            if send.blocks.isEmpty { try check(text: send.text, field: "text") }
            withContent(send.text, send.blocks) { [self] content in
                do {
                    try onRun(send, .send(content.get(), send.delivery), exchange, complete)
                } catch {
                    refuse(send, error as? Refusal ?? Refusal(.internalError, "\(error)"), complete)
                }
            }
        case .withdraw:
            let withdraw = try message(FermataWithdraw.self, in: frame)
            try onRun(withdraw, .withdraw(message: withdraw.message), exchange, complete)
        case .pause: try pause(message(FermataPause.self, in: frame), exchange, complete)
        case .interrupt: try interrupt(message(FermataInterrupt.self, in: frame), exchange, complete)
        case .resume: try resume(message(FermataResume.self, in: frame), exchange, complete)
        case .stop: try onRun(message(FermataStop.self, in: frame), .stop, exchange, complete)
        case .answer: try answer(message(FermataAnswer.self, in: frame), exchange, complete)
        case .decideCall: try decideCall(message(FermataDecideCall.self, in: frame), exchange, complete)
        case .setPolicy: try setPolicy(message(FermataSetPolicy.self, in: frame), exchange, complete)
        case .setBudget: try setBudget(message(FermataSetBudget.self, in: frame), exchange, complete)
        case .fork: try fork(message(FermataFork.self, in: frame), exchange, complete)
        case .export: try export(message(FermataExport.self, in: frame), exchange, complete)
        case .import: try `import`(message(FermataImport.self, in: frame), exchange, complete)
        case .putBlob: try putBlob(message(FermataPutBlob.self, in: frame), exchange, complete)
        case .getBlob: try getBlob(message(FermataGetBlob.self, in: frame), complete)
        case .putAgent: try putAgent(message(FermataPutAgent.self, in: frame), exchange, complete)
        case .getAgent: try getAgent(message(FermataGetAgent.self, in: frame), complete)
        case .listAgents: try listAgents(message(FermataListAgents.self, in: frame), complete)
        case .registerTools: try registerTools(message(FermataRegisterTools.self, in: frame), exchange, complete)
        case .listTools: try listTools(message(FermataListTools.self, in: frame), complete)
        case .takeCalls: try takeCalls(message(FermataTakeCalls.self, in: frame), exchange, complete)
        case .startCall: try startCall(message(FermataStartCall.self, in: frame), exchange, complete)
        case .extendCall: try extendCall(message(FermataExtendCall.self, in: frame), complete)
        case .completeCall: try completeCall(message(FermataCompleteCall.self, in: frame), exchange, complete)
        case .createToken: try createToken(message(FermataCreateToken.self, in: frame), exchange, complete)
        case .listTokens: try listTokens(message(FermataListTokens.self, in: frame), complete)
        case .revokeToken: try revokeToken(message(FermataRevokeToken.self, in: frame), exchange, complete)
        case .stats:
            _ = try message(FermataStats.self, in: frame)
            stats(complete)
        case .getRun: try getRun(message(FermataGetRun.self, in: frame), exchange, complete)
        case .listRuns: try listRuns(message(FermataListRuns.self, in: frame), complete)
        case .listAsks: try listAsks(message(FermataListAsks.self, in: frame), complete)
        case .readEvents: try readEvents(message(FermataReadEvents.self, in: frame), exchange, complete)
        default:
            throw Refusal(.unknownType, "\(frame.type) is no command", details: ["type": String(frame.type)])
        }
    }

    private func message<M: SwiftProtobuf.Message>(_ type: M.Type, in frame: Frame) throws -> M {
        let message: M
        do {
            message = try M(serializedBytes: frame.body)
        } catch {
            throw Refusal(.badMessage, "the body is not a \(M.protoMessageName)")
        }
        try StrictnessVisitor.check(message)
        return message
    }

    /// What is shown with every list and every event has to be short.
    private func checkNotes(by: String, reason: String) throws {
        for (field, text) in [("by", by), ("reason", reason)]
        where text.utf8.count > Configuration.maximumNoteBytes {
            throw Refusal(
                .invalidArgument, "\(field) is longer than \(Configuration.maximumNoteBytes) bytes",
                details: ["field": field])
        }
    }

    func check(text: String, field: String) throws(Refusal) {
        guard !text.isEmpty else { throw Refusal(.invalidArgument, "\(field) is empty", details: ["field": field]) }
        guard text.utf8.count <= Configuration.maximumTextBytes else {
            throw Refusal(
                .invalidArgument, "\(field) is longer than \(Configuration.maximumTextBytes) bytes",
                details: ["field": field])
        }
    }

    // MARK: - Commands

    private func launch(
        _ launch: FermataLaunch, _ task: Result<Content, Refusal>, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion
    ) {
        // The run's id, unless the command turns out to be a repeat.
        let id = RunID(microseconds: Clock.now, random: UInt64.random(in: 0...UInt64.max))
        withAgent(named: launch.agent) { [self] agent in
            let stored = try? agent.get()
            withTools(named: launches.toolsToLookUp(launch, from: stored?.agent)) { [self] registered in
                // On a thread of its own: a file system that hangs holds up launches, and nothing else.
                launchThread.run { [self] in
                    do {
                        let task = try task.get()
                        let launched = try launches.launched(
                            launch, from: agent.get(), registered: registered.get(), as: id)
                        noteUnchecked(launch.workerTools)
                        guard !launch.parent.isEmpty else {
                            try submit(launch, run: id, .launch(launched, task: task), exchange, complete)
                            return
                        }
                        let child = RunRequest.launchChild(id, launched, task: task)
                        try find(launch.parent) { [self] parent in
                            do {
                                try submit(launch, run: parent.get(), child, exchange, complete, child: id)
                            } catch {
                                let internalError = Refusal(.internalError, "\(error)")
                                refuse(launch, error as? Refusal ?? internalError, complete)
                            }
                        }
                    } catch let refusal as Refusal {
                        refuse(launch, refusal, complete)
                    } catch {
                        complete(.failure(Refusal(.internalError, "\(error)")))
                    }
                }
            }
        }
    }

    func onRun(
        _ command: some CommandOnRun, _ request: RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion
    ) throws {
        try onRun(command, { _ in request }, exchange, complete)
    }

    /// - Parameter request: made when it is known which run it is for.
    func onRun(
        _ command: some CommandOnRun, _ request: @escaping @Sendable (RunID) throws -> RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion
    ) throws {
        try find(command.run) { [self] found in
            do {
                let run = try found.get()
                try submit(command, run: run, try request(run), exchange, complete)
            } catch let refusal as Refusal {
                refuse(command, refusal, complete)
            } catch {
                complete(.failure(Refusal(.internalError, "\(error)")))
            }
        }
    }

    private func submit(
        _ command: some Command, run: RunID, _ request: RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion, child: RunID? = nil
    ) throws {
        let identity = try identity(of: command, complete)
        let ifSeq = (command as? any CommandOnRun).flatMap { $0.hasIfSeq ? $0.ifSeq : nil }
        let item = RunLoop.Item.command(
            RunLoop.CommandItem(
                run: run, request: request,
                provenance: Provenance(
                    by: command.by.isEmpty ? exchange.sender : command.by, reason: command.reason, ifSeq: ifSeq),
                identity: identity,
                lease: try (command as? FermataStartCall).map { try Control.lease($0.leaseMs) } ?? 0, child: child))
        switch request {
        case .pause, .interrupt, .stop: loop.inbox.put(item, isUrgent: true)
        default: loop.inbox.put(item, bytes: identity.size)
        }
    }

    /// - Throws: INVALID_ARGUMENT for a command that cannot be remembered or journaled as it is.
    func identity(
        of command: some Command, _ complete: @escaping Exchange.Completion
    ) throws -> RunLoop.CommandIdentity {
        guard let requestID = RequestID(command.requestID) else {
            throw Refusal(
                .invalidArgument, "request_id is not a UUID: each command that changes something needs one of its own",
                details: ["field": "request_id"])
        }
        try checkNotes(by: command.by, reason: command.reason)
        let (digest, size) = try digest(command)
        return RunLoop.CommandIdentity(requestID: requestID, digest: digest, size: size, reply: complete)
    }

    /// Refuses a command, unless it was accepted before: then its reply stays what it was, whatever has changed since.
    func refuse(
        _ command: some Command, _ refusal: Refusal, _ complete: @escaping Exchange.Completion
    ) {
        guard let id = RequestID(command.requestID), let digest = try? digest(command).digest else {
            complete(.failure(refusal))
            return
        }
        readers.lookUp { reader in
            complete(
                Result {
                    guard let known = try reader.request(id).map(Repeat.init), known.digest == digest else {
                        throw refusal
                    }
                    return known.reply
                })
        }
    }

    /// frozen: it is in stores. FNV-1a over the type and the body: it tells a repeat from a mistake, and guards nothing.
    private func digest<C: Command>(_ command: C) throws -> (digest: UInt64, size: Int) {
        let bytes: [UInt8] = try command.serializedBytes()
        let digest = ([UInt8(truncatingIfNeeded: C.frameType.rawValue)] + bytes).reduce(0xcbf2_9ce4_8422_2325) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return (digest, bytes.count)
    }

    /// Finds a run by its id, or by the beginning of one.
    func find(_ text: String, _ complete: @escaping @Sendable (Result<RunID, Refusal>) -> Void) throws {
        if let id = RunID(text) {
            complete(.success(id))
            return
        }
        guard let range = RunID.range(prefix: text) else {
            throw Refusal(
                .invalidArgument, "run is not the id of a run, nor the beginning of one", details: ["field": "run"])
        }
        readers.lookUp { reader in
            complete(
                Result {
                    let found = try reader.runs(
                        from: range.lowerBound.journaled, through: range.upperBound.journaled, limit: 2)
                    guard let first = found.first else { throw Refusal(.noSuchRun, "no run's id begins so") }
                    guard found.count == 1 else {
                        throw Refusal(.ambiguousRun, "several runs' ids begin so: give more digits")
                    }
                    return RunID(first.run)
                })
        }
    }
}

extension Result where Failure == Refusal {
    /// What is thrown and is no refusal is a mistake of the server's.
    init(_ body: () throws -> Success) {
        do {
            self = .success(try body())
        } catch let refusal as Refusal {
            self = .failure(refusal)
        } catch {
            self = .failure(Refusal(.internalError, "\(error)"))
        }
    }
}
