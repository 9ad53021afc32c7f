internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// The way of commands into the loop, for all handlers: what tells a command from all others, and how it is refused.
///
/// Threads: any. Nothing here blocks.
struct CommandEntry: Sendable {
    let inbox: Mailbox<RunLoop.Item>
    private let readers: ReaderPool
    private let runs: RunLookUp

    init(inbox: Mailbox<RunLoop.Item>, readers: ReaderPool) {
        self.inbox = inbox
        self.readers = readers
        runs = RunLookUp(readers: readers)
    }

    /// Hands a command to the run that it names.
    func onRun(
        _ command: some CommandOnRun, _ request: RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion, lease: Int64 = 0
    ) throws {
        try onRun(command, { _ in request }, exchange, complete, lease: lease)
    }

    /// - Parameters:
    ///   - request: made when it is known which run it is for.
    ///   - lease: of a StartCall, µs.
    /// - Throws: what is wrong with the text that names the run.
    func onRun(
        _ command: some CommandOnRun, _ request: @escaping @Sendable (RunID) throws -> RunRequest, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion, lease: Int64 = 0
    ) throws {
        try runs.find(command.run) { found in
            refusing(command, complete) {
                let run = try found.get()
                try submit(
                    command, to: run, request(run), ifSeq: command.hasIfSeq ? command.ifSeq : nil, exchange, complete,
                    lease: lease)
            }
        }
    }

    /// Puts a command into the loop's inbox: before all others if it is to stop something.
    ///
    /// - Parameter child: of the launch of a child, which is a command to its parent: the run that the reply is about.
    func submit(
        _ command: some Command, to run: RunID, _ request: RunRequest, ifSeq: UInt64? = nil, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion, lease: Int64 = 0, child: RunID? = nil
    ) throws {
        let identity = try identity(of: command, complete)
        let item = RunLoop.Item.command(
            RunLoop.CommandItem(
                run: run, request: request,
                provenance: Provenance(by: exchange.author(of: command), reason: command.reason, ifSeq: ifSeq),
                identity: identity, lease: lease, child: child))
        switch request {
        case .pause, .interrupt, .stop: inbox.put(item, isUrgent: true)
        default: inbox.put(item, bytes: identity.size)
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
        try TextCheck.notes(by: command.by, reason: command.reason)
        let (digest, size) = try digest(command)
        return RunLoop.CommandIdentity(requestID: requestID, digest: digest, size: size, reply: complete)
    }

    // MARK: - Refusals

    /// Goes on with a command; what is thrown refuses it.
    ///
    /// - Parameter body: completes exactly once, or throws and does not complete.
    func refusing(
        _ command: some Command, _ complete: @escaping Exchange.Completion, _ body: () throws -> Void
    ) {
        do {
            try body()
        } catch {
            refuse(command, Refusal(thrown: error), complete)
        }
    }

    /// Refuses a command, unless it was accepted before: then its reply stays what it was, whatever has changed since.
    private func refuse(
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
}
