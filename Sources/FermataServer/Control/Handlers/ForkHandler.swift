internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads
internal import Transfers

/// Forks. What takes time, a journal that is read and folded, happens on threads that read; the loop gets what it only has
/// to write.
struct ForkHandler: FrameHandler {
    let entry: CommandEntry
    let runs: RunLookUp
    let readers: ReaderPool
    let launches: LaunchCheck
    /// Looks at workspaces: a file system that hangs holds up launches and forks, and nothing else.
    let thread: WorkThread

    var routes: [Route] { [.command(entry, fork)] }

    private func fork(_ fork: FermataFork, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        let identity = try entry.identity(of: fork, complete)
        try check(fork)
        let by = exchange.author(of: fork)
        let id = RunID(microseconds: Clock.now, random: UInt64.random(in: 0...UInt64.max))
        try runs.find(fork.run) { found in
            entry.refusing(fork, complete) {
                let run = try found.get()
                try readers.readPage { reader in
                    let source = Result { () throws in try Self.source(fork, run, id, reader) }
                    thread.run {
                        entry.refusing(fork, complete) {
                            let source = try source.get()
                            try checkWorkspace(of: fork, source)
                            let command = RunLoop.CommandItem(
                                run: id, request: Self.request(fork, of: run, source),
                                provenance: Provenance(by: by, reason: fork.reason), identity: identity)
                            entry.inbox.put(.adopt(Adoption(command: command, prepared: source.prepared)))
                        }
                    }
                }
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
        if !fork.text.isEmpty || fork.message > 0 { try TextCheck.text(fork.text, field: "text") }
        if !fork.arguments.isEmpty || fork.call > 0 {
            try TextCheck.text(fork.arguments, field: "arguments")
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
        let spec = source.prepared.run.spec
        // One that was made for the source is made when it is needed first.
        if !spec.ownsWorkspace { try launches.checkOldWorkspace(spec.workspace) }
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
