internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Reads of one run, which may wait for what it becomes. They never wait for a commit.
struct GetRunHandler: FrameHandler {
    let runs: RunLookUp
    let published: PublishedRuns
    let readers: ReaderPool
    let waiters: Waiters
    let offers: CallOffers
    /// Of the loop, which is woken to look at the deadlines of waiters.
    let inbox: Mailbox<RunLoop.Item>
    /// Encodes replies to waiters.
    let answers: WorkThread

    var routes: [Route] { [.read(getRun)] }

    private func getRun(
        _ get: FermataGetRun, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        if !get.until.isEmpty { try exchange.checkIsAlone(field: "until") }
        try runs.find(get.run, for: complete) { id in answer(id, get, exchange, complete) }
    }

    private func answer(
        _ id: RunID, _ get: FermataGetRun, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) {
        guard !get.until.isEmpty, get.waitMs > 0 else {
            look(id, get) { complete($0) }
            return
        }
        let deadline = Clock.monotonic + Int64(min(get.waitMs, Configuration.maximumWaitMilliseconds)) * 1000
        let number = waiters.add(
            .status(id, Set(get.until)), connection: exchange.connection, deadline: deadline
        ) { ending in
            switch ending {
            case .run(let run):
                // The loop has other things to do than to encode for as many as may wait.
                answers.run { complete(Result { try reply(run, get, matched: true) }) }
            case .there(let reply): complete(.success(reply))
            case .events, .never, .timedOut: look(id, get, complete)
            }
        }
        guard let number else {
            look(id, get, complete)
            return
        }
        inbox.wake()
        // What was true before the waiter was entered no event will tell.
        look(id, get) { [waiters] result in
            switch result {
            case .success(let bytes):
                guard let reply = try? FermataGetRunReply(serializedBytes: bytes), reply.matched else { return }
                waiters.finish(number, .there(bytes))
            // There is no such run, or none of the statuses can come: whoever waits is told.
            case .failure: waiters.finish(number, .never)
            }
        }
    }

    /// Answers with the run as it is now; refuses a wait for what cannot come any more.
    private func look(_ id: RunID, _ get: FermataGetRun, _ complete: @escaping Exchange.Completion) {
        if let known = published[id] {
            complete(Result { try reply(known.run, get, matched: get.until.contains(known.status)) })
            return
        }
        if get.calls {
            readers.run { reader in
                complete(
                    Result {
                        let run = try JournaledRun(id: id, from: reader).run
                        guard run.seq > 0 else { throw Refusal(.noSuchRun, "there is no run \(id)") }
                        return try reply(run, get, matched: get.until.contains(run.status))
                    })
            }
            return
        }
        readers.answerLookUp(complete) { reader in
            guard let row = try reader.run(id.journaled) else {
                throw Refusal(.noSuchRun, "there is no run \(id)")
            }
            let summary = try FermataRunSummary(serializedBytes: row.summary)
            let matched = get.until.contains(summary.status)
            if !matched, get.waitsInVain(canStillBe: summary.canStillBe) {
                throw Refusal.neverComes(get.until, after: summary.status)
            }
            return FermataGetRunReply.with {
                $0.run = summary
                $0.matched = matched
            }
        }
    }

    private func reply(_ run: Run, _ get: FermataGetRun, matched: Bool) throws -> [UInt8] {
        if !matched, get.waitsInVain(canStillBe: run.canStillBe) {
            throw Refusal.neverComes(get.until, after: run.status)
        }
        return try FermataGetRunReply.with {
            $0.run = run.summary
            $0.matched = matched
            if get.calls {
                $0.calls = run.callMessages
                $0.queued = run.queuedMessages
                $0.servedTools = $0.run.waitsForTools.filter(offers.isServed)
                if run.spec.policy != .init() { $0.policy = run.spec.policy }
            }
        }.serializedBytes()
    }
}

extension FermataGetRun {
    /// Whether it waits, and for nothing that can come.
    fileprivate func waitsInVain(canStillBe: (FermataStatus) -> Bool) -> Bool {
        waitMs > 0 && !until.isEmpty && !until.contains(where: canStillBe)
    }
}

extension Refusal {
    /// A read waits for statuses that the run cannot come to have any more.
    fileprivate static func neverComes(_ wanted: [FermataStatus], after now: FermataStatus) -> Refusal {
        let names = wanted.map(\.protocolName).joined(separator: " or ")
        return Refusal(
            .wrongStatus, "the run is \(now.protocolName) and will never be \(names) any more",
            details: ["status": now.protocolName])
    }
}
