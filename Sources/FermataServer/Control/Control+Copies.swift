internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads
internal import Transfers

/// Checkpoints and forks. Whatever takes time, journals that are read, verified and folded, happens on threads of its
/// own; the loop gets what it only has to write.
extension Control {
    func export(_ export: FermataExport, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        let read: @Sendable (RunID) -> Void = { [readers] run in
            do throws(Refusal) {
                try readers.readPage { reader in
                    complete(Result { try Control.page(of: run, export, reader).serializedBytes() })
                }
            } catch {
                complete(.failure(error))
            }
        }
        // A later page finds the run handed off already.
        guard export.handoff, export.after.isEmpty else {
            return try find(export.run) { found in
                switch found {
                case .success(let run): read(run)
                case .failure(let refusal): complete(.failure(refusal))
                }
            }
        }
        try onRun(export, .handOff, exchange) { result in
            do {
                let reply = try FermataCommandReply(serializedBytes: try result.get())
                guard let run = RunID(reply.run.id) else { throw Refusal(.internalError, "a reply without a run") }
                read(run)
            } catch let refusal as Refusal {
                complete(.failure(refusal))
            } catch {
                complete(.failure(Refusal(.internalError, "\(error)")))
            }
        }
    }

    private static func page(
        of run: RunID, _ export: FermataExport, _ reader: any JournalReading
    ) throws -> FermataExportReply {
        let checkpoint = CheckpointExport(run: run, reader: reader)
        do {
            guard export.after.isEmpty else { return try checkpoint.page(after: export.after) }
            // With a hand-off the condition was for that, and the run has moved on by it.
            return try checkpoint.firstPage(ifSeq: export.hasIfSeq && !export.handoff ? export.ifSeq : nil)
        } catch let error as JournalError where error.code == .corrupt {
            throw Refusal.unreadable(run)
        }
    }

    // MARK: - Import

    func `import`(_ part: FermataImport, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        guard let id = RequestID(part.upload) else {
            throw Refusal(.invalidArgument, "upload is not a UUID", details: ["field": "upload"])
        }
        guard part.part > 0, !part.text.isEmpty else {
            let field = part.part > 0 ? "text" : "part"
            throw Refusal(.invalidArgument, "\(field) is missing", details: ["field": field])
        }
        // Of all of its text, up to 4 MiB: after what is quick to say.
        let identity = try identity(of: part, complete)
        if part.hasAnswer, part.answer.utf8.count > Configuration.maximumTextBytes {
            throw Refusal(
                .invalidArgument, "answer is longer than \(Configuration.maximumTextBytes) bytes",
                details: ["field": "answer"])
        }
        guard part.hasAnswer || part.verdict == .unspecified else {
            throw Refusal(.invalidArgument, "a verdict comes with an answer", details: ["field": "verdict"])
        }
        let by = part.by.isEmpty ? exchange.sender : part.by
        let isAdmin = exchange.access.isAdmin
        importThread.run { [self] in
            do {
                let upload = try uploads.take(part, of: id)
                guard part.last else {
                    return complete(Result { try FermataCommandReply.with { $0.changed = true }.serializedBytes() })
                }
                var checkpoint = try uploads.withBytes(of: upload) { try ReadCheckpoint($0) }
                if !isAdmin {
                    // The key of the model's provider goes to the base URL; and agents are an administrator's.
                    guard checkpoint.prepared.run.spec.baseURL.isEmpty else { throw Refusal.forbidden(.admin) }
                    checkpoint.prepared.agent = nil
                }
                let workspace = try workspace(for: checkpoint, part)
                adopt(checkpoint, workspace, part, by: by, identity, upload: id)
            } catch let refusal as Refusal {
                if refusal.isOfTheCheckpoint { uploads.drop(id) }
                refuse(part, refusal, complete)
            } catch {
                complete(.failure(Refusal(.internalError, "\(error)")))
            }
        }
    }

    /// Hands a verified checkpoint to the loop, less what is here already.
    private func adopt(
        _ checkpoint: ReadCheckpoint, _ workspace: String, _ part: FermataImport, by: String,
        _ identity: RunLoop.CommandIdentity, upload: RequestID
    ) {
        let imported = FermataImported.with {
            $0.digest = checkpoint.digest
            $0.workspace = workspace
            $0.ownWorkspace = !workspace.isEmpty && part.workspace.isEmpty
        }
        let answer =
            part.hasAnswer
            ? AskAnswer(ask: 0, text: part.answer, verdict: part.verdict, argumentsDigest: nil, via: .viaImport) : nil
        let kept = RunLoop.CommandIdentity(requestID: identity.requestID, digest: identity.digest) { [self] result in
            let isOver =
                switch result {
                case .success: true
                case .failure(let refusal): refusal.isOfTheCheckpoint
                }
            if isOver { importThread.run { [self] in uploads.drop(upload) } }
            identity.reply(result)
        }
        readers.run { [self] reader in
            do {
                var prepared = checkpoint.prepared
                if let agent = prepared.agent {
                    let registered = try Control.tools(named: launches.toolsToLookUp(.init(), from: agent), reader)
                    // One that could not be launched from here; the run itself has all that it needs of it.
                    if (try? launches.check(agent, registered: registered)) == nil { prepared.agent = nil }
                }
                let local = try reader.lastSeq(of: prepared.run.id.journaled)
                if local > 0 { try prepared.goOn(after: local, in: reader) }
                let command = RunLoop.CommandItem(
                    run: prepared.run.id, request: .import(imported, start: part.start, answer),
                    provenance: Provenance(by: by, reason: part.reason), identity: kept)
                loop.inbox.put(.adopt(Adoption(command: command, prepared: prepared)))
            } catch let refusal as Refusal {
                refuse(part, refusal, kept.reply)
            } catch {
                identity.reply(.failure(Refusal(.internalError, "\(error)")))
            }
        }
    }

    /// What the run is to work in from now on; empty: what it has worked in.
    private func workspace(for checkpoint: ReadCheckpoint, _ part: FermataImport) throws(Refusal) -> String {
        if !part.workspace.isEmpty {
            try launches.checkWorkspace(part.workspace)
            return part.workspace
        }
        let run = checkpoint.prepared.run
        if run.spec.ownsWorkspace { return launches.ownWorkspace(of: run.id) }
        try checkThatThereIs(run.spec.workspace)
        return ""
    }

    private func checkThatThereIs(_ workspace: String) throws(Refusal) {
        do {
            try launches.checkWorkspace(workspace)
        } catch {
            throw Refusal(.noWorkspace, "the run has worked in a directory that is not here, or cannot be written")
        }
    }

    // MARK: - Fork

    func fork(_ fork: FermataFork, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        let identity = try identity(of: fork, complete)
        try check(fork)
        let by = fork.by.isEmpty ? exchange.sender : fork.by
        let id = RunID(microseconds: Clock.now, random: UInt64.random(in: 0...UInt64.max))
        try find(fork.run) { [self] found in
            do {
                let run = try found.get()
                try readers.readPage { [self] reader in
                    let source = Result { () throws in try Control.source(fork, run, id, reader) }
                    // On a thread of its own: a file system that hangs holds up what needs it, and nothing else.
                    launchThread.run { [self] in
                        do throws(Refusal) {
                            let source = try source.get()
                            try checkWorkspace(of: fork, source)
                            let command = RunLoop.CommandItem(
                                run: id, request: Control.request(fork, of: run, source),
                                provenance: Provenance(by: by, reason: fork.reason), identity: identity)
                            loop.inbox.put(.adopt(Adoption(command: command, prepared: source.prepared)))
                        } catch {
                            refuse(fork, error, complete)
                        }
                    }
                }
            } catch {
                refuse(fork, error as? Refusal ?? Refusal(.internalError, "\(error)"), complete)
            }
        }
    }

    private func check(_ fork: FermataFork) throws {
        let points = [fork.at > 0, fork.message > 0, fork.call > 0]
        guard points.count(where: \.self) <= 1 else {
            throw Refusal(
                .invalidArgument, "at, message and call say each where to cut: give one of them",
                details: ["field": "at"])
        }
        if !fork.text.isEmpty || fork.message > 0 { try check(text: fork.text, field: "text") }
        if !fork.arguments.isEmpty || fork.call > 0 {
            try check(text: fork.arguments, field: "arguments")
            guard fork.call > 0 else {
                throw Refusal(.invalidArgument, "arguments are of a call: name it", details: ["field": "call"])
            }
        }
    }

    private static func source(
        _ fork: FermataFork, _ run: RunID, _ id: RunID, _ reader: any JournalReading
    ) throws -> ForkSource {
        do {
            return try ForkSource(fork, of: run, as: id, from: reader)
        } catch let error as JournalError where error.code == .corrupt {
            throw Refusal.unreadable(run)
        }
    }

    private func checkWorkspace(of fork: FermataFork, _ source: ForkSource) throws(Refusal) {
        guard fork.workspace.isEmpty else { return try launches.checkWorkspace(fork.workspace) }
        // One that was made for the source is made when it is needed first.
        if !source.prepared.run.spec.ownsWorkspace { try checkThatThereIs(source.prepared.run.spec.workspace) }
    }

    private static func request(_ fork: FermataFork, of run: RunID, _ source: ForkSource) -> RunRequest {
        let forked = FermataForked.with {
            $0.source = run.description
            $0.at = source.at
            $0.workspace = fork.workspace
        }
        let edit = fork.call > 0 ? ForkTerms.CallEdit(call: fork.call, arguments: fork.arguments) : nil
        return .fork(forked, ForkTerms(start: fork.start, text: fork.text, edit: edit))
    }
}

extension Refusal {
    /// What was sent can never be taken, however often its last part is sent again: it is not kept for that.
    fileprivate var isOfTheCheckpoint: Bool {
        switch code {
        case .noWorkspace, .invalidAnswer: false
        default: !code.retryable
        }
    }
}
