internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads
internal import Transfers

/// Checkpoints on their way in. What takes time, checkpoints that are read and verified, happens on threads of its own; the
/// loop gets what it only has to write.
struct ImportHandler: FrameHandler {
    let entry: CommandEntry
    let readers: ReaderPool
    let launches: LaunchCheck
    let uploads: Uploads
    /// Takes and verifies the uploads, which are its own.
    let thread: WorkThread

    var routes: [Route] { [.command(entry, `import`)] }

    private func `import`(
        _ part: FermataImport, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard let id = RequestID(part.upload) else {
            throw Refusal(.invalidArgument, "upload is not a UUID", details: ["field": "upload"])
        }
        guard part.part > 0, !part.text.isEmpty else {
            let field = part.part > 0 ? "text" : "part"
            throw Refusal(.invalidArgument, "\(field) is missing", details: ["field": field])
        }
        let identity = try entry.identity(of: part, complete)
        if part.hasAnswer { try TextCheck.length(part.answer, field: "answer") }
        guard part.hasAnswer || part.verdict == .unspecified else {
            throw Refusal(.invalidArgument, "a verdict comes with an answer", details: ["field": "verdict"])
        }
        let by = exchange.author(of: part)
        let isAdmin = exchange.access.isAdmin
        thread.run {
            entry.refusing(part, complete) {
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
                } catch let refusal as Refusal where refusal.isOfTheCheckpoint {
                    uploads.drop(id)
                    throw refusal
                }
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
        let kept = RunLoop.CommandIdentity(requestID: identity.requestID, digest: identity.digest) { result in
            let isOver =
                switch result {
                case .success: true
                case .failure(let refusal): refusal.isOfTheCheckpoint
                }
            if isOver { thread.run { uploads.drop(upload) } }
            identity.reply(result)
        }
        readers.run { reader in
            entry.refusing(part, kept.reply) {
                var prepared = checkpoint.prepared
                if let agent = prepared.agent {
                    let registered = try RegisteredTools(launches.toolsToLookUp(.init(), from: agent), from: reader)
                    // One that could not be launched from here; the run itself has all that it needs of it.
                    if (try? launches.check(agent, registered: registered)) == nil { prepared.agent = nil }
                }
                let local = try reader.lastSeq(of: prepared.run.id.journaled)
                if local > 0 { try prepared.goOn(after: local, in: reader) }
                let command = RunLoop.CommandItem(
                    run: prepared.run.id, request: .import(imported, start: part.start, answer),
                    provenance: Provenance(by: by, reason: part.reason), identity: kept)
                entry.inbox.put(.adopt(Adoption(command: command, prepared: prepared)))
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
        try launches.checkOldWorkspace(run.spec.workspace)
        return ""
    }
}

extension Refusal {
    /// What was sent can never be taken, however often its last part is sent again: it is not kept for that.
    fileprivate var isOfTheCheckpoint: Bool {
        switch code {
        case .noWorkspace, .invalidAnswer, .internalError: false
        default: !code.retryable
        }
    }
}
