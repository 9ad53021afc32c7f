internal import FermataProtocol
internal import Glibc
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Synchronization
internal import Threads

/// What the server is, and what it is doing: no run is read, and no commit is waited for.
struct ServerHandler: FrameHandler {
    /// The reply to Hello, but for what changes.
    let hello: FermataHelloReply
    let inbox: Mailbox<RunLoop.Item>
    let readers: ReaderPool
    let published: PublishedRuns
    let waiters: Waiters
    let effects: EffectRunner
    let counters: Counters
    /// For its figures.
    let journal: any Journal
    let startedAt = Clock.now

    var routes: [Route] { [.read(greet), .read(stats)] }

    private func greet(_: FermataHello, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        readers.answerLookUp(complete) { reader in
            var reply = hello
            reply.nowAt = Clock.now
            reply.lastOffset = try reader.lastOffset()
            return reply
        }
    }

    private func stats(_: FermataStats, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        // Off nng's thread: sizes of files and of the process are asked of the kernel.
        readers.answerLookUp(complete) { reader in try figures(lastOffset: reader.lastOffset()) }
    }

    private func figures(lastOffset: UInt64) -> FermataStatsReply {
        let storage = journal.storage
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return .with {
            $0.instance = hello.instance
            $0.startedAt = startedAt
            $0.nowAt = Clock.now
            $0.lastOffset = lastOffset
            $0.runsInMemory = UInt64(published.count)
            $0.modelCallsInFlight = UInt64(max(0, counters.modelCalls.current))
            $0.toolsExecuting = UInt64(max(0, counters.tools.current))
            $0.readsWaiting = UInt64(waiters.count)
            $0.commandsQueued = UInt64(inbox.count)
            $0.requestsInProgress = UInt64(max(0, counters.requestsInProgress.current))
            $0.requestBytes = UInt64(max(0, counters.requestBytes.current))
            $0.requests = UInt64(counters.requests.current)
            $0.commandsAccepted = UInt64(counters.commandsAccepted.current)
            $0.commandsRefused = UInt64(counters.commandsRefused.current)
            $0.commandsOverloaded = UInt64(counters.commandsOverloaded.current)
            $0.commits = UInt64(counters.commits.current)
            $0.events = UInt64(counters.events.current)
            $0.storeBytes = storage.bytes
            $0.logBytes = storage.waitingBytes
            $0.residentBytes = ProcessFigures.residentBytes
            $0.descriptors = ProcessFigures.openDescriptors
            $0.descriptorLimit = UInt64(limit.rlim_cur)
            $0.listenerRestarts = UInt64(counters.listenerRestarts.current)
            $0.historyBytes = UInt64(effects.historyBytes)
            $0.webhooksPending = UInt64(max(0, counters.webhooksPending.current))
            $0.webhooksDead = UInt64(max(0, counters.webhooksDead.current))
            $0.storeIsFull = counters.storeIsFull.current > 0
            $0.callOffers = UInt64(counters.callOffers.current)
            $0.leases = UInt64(max(0, counters.leases.current))
            $0.callsWaiting = UInt64(max(0, counters.callsWaiting.current))
            let used = counters.used.withLock { $0 }
            $0.modelCalls = used.modelCalls
            $0.inputTokens = used.inputTokens
            $0.cachedInputTokens = used.cachedInputTokens
            $0.outputTokens = used.outputTokens
            $0.costNanoUsd = UInt64(clamping: used.costNanoUsd)
            $0.callsOfUnknownCost = used.callsOfUnknownCost
            $0.effectsWaiting = UInt64(max(0, counters.effectsWaiting.current))
            $0.effectDescriptors = UInt64(max(0, effects.descriptorsTaken))
            $0.effectDescriptorLimit = UInt64(effects.descriptorCeiling)
            $0.controlConnections = UInt64(counters.controlConnections.current)
            $0.subscribers = UInt64(counters.subscribers.current)
            $0.connectionsClosed = UInt64(counters.connectionsClosed.current)
            $0.subscribersRefused = UInt64(counters.subscribersRefused.current)
        }
    }
}
