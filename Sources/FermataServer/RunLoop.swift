internal import FermataCore
internal import FermataProtocol
internal import Glibc
internal import SwiftProtobuf
internal import Journal
internal import Logging
internal import Synchronization

/// The one loop through which every run changes: take, decide, cancel, commit, answer, publish, reconcile.
///
/// It has a thread of its own and blocks on it only for the commit: inputs that come meanwhile are taken together
/// and share the next one.
///
/// Everything but `inbox` is touched by the loop's thread alone, which is why the class may cross threads.
final class RunLoop: @unchecked Sendable {
    enum Item: Sendable {
        case command(CommandItem)
        case putAgent(AgentCommand)
        /// A run that was written elsewhere is to be one of this server's.
        case adopt(Adoption)
        case registerTools(ToolCommand)
        case extendCall(Extension)
        case token(TokenCommand)
        /// An effect has ended; the input says how.
        case effectEnded(RunID, Effect, Input)
        /// A message of the outbox was tried.
        case messageTried(OutboxOutcome)
        /// A time of the run's has come.
        case timePassed(RunID)
        /// A run that was asked for is in memory again.
        case loaded(JournaledRun)
        /// A run that was asked for is damaged in the store.
        case unreadable(RunID, String)
        /// End: cut what is in flight, wait for its ends at most this long (µs), then call back.
        case shutDown(within: Int64, done: @Sendable () -> Void)
    }

    /// A command, decoded and addressed.
    struct CommandItem: Sendable {
        /// For a launch the id that the run is to have.
        let run: RunID
        let request: RunRequest
        let provenance: Provenance
        let identity: CommandIdentity
        /// Of a StartCall, µs.
        var lease: Int64 = 0
    }

    /// What tells a command from all others, and who waits for its reply.
    struct CommandIdentity: Sendable {
        let requestID: RequestID
        /// Tells a repeat of the command from another command with the same id.
        let digest: UInt64
        /// Called once, on the loop's thread, with the encoded reply; must not block.
        let reply: @Sendable (Result<[UInt8], Refusal>) -> Void
    }

    /// A run in memory. Shared, not copied: to copy a run is to count forty references.
    final class Resident {
        var run: Run {
            didSet { knownSummary = nil }
        }
        /// As it is in the journal: what a batch that cannot be committed goes back to.
        var durable: Run
        /// The last event that is in its snapshot.
        var snapshotSeq: UInt64
        var inFlight: [Effect: any EffectInFlight] = [:]
        var touched: UInt64 = 0
        private var knownSummary: FermataRunSummary?

        init(_ run: Run, snapshotSeq: UInt64 = 0) {
            self.run = run
            durable = run
            self.snapshotSeq = snapshotSeq
        }

        /// Of `run`; made once for a command's reply and for the run's row.
        var summary: FermataRunSummary {
            if let knownSummary { return knownSummary }
            let summary = run.summary
            knownSummary = summary
            return summary
        }

        /// What is in the journal is kept as a run only: who needs its summary again is served from elsewhere.
        func committed() {
            durable = run
            knownSummary = nil
        }
    }

    let inbox = Inbox<Item>()
    let writer: JournalWriter
    /// For recovery.
    let reader: JournalReader
    let published: PublishedRuns
    let waiters: Waiters
    let offers: CallOffers
    let publisher: EventPublisher
    let effects: EffectRunner
    let readers: ReaderPool
    let webhooks: Webhooks
    let accessTokens: AccessTokens
    let counters: Counters
    let logger: Logger

    var residents: [RunID: Resident] = [:]
    /// Inputs for runs that are being read from the journal, in order of arrival.
    var parked: [RunID: [Item]] = [:]
    var batch = Batch()
    var nextOffset: UInt64 = 1
    /// Times at which runs in memory want to be told that time has passed, µs since 1970; the journal has the others.
    var due: [RunID: Int64] = [:]
    /// Residents with nothing in flight, in the order in which they were touched, some of them more than once.
    var recent: [(run: RunID, touched: UInt64)] = []
    var touches: UInt64 = 0
    /// Ends of effects that a full store could not take; tried again with the next tick.
    var deferred: [Item] = []
    var staleSnapshots = StaleSnapshots()
    var leases = Leases()
    /// Runs that were found damaged in the store.
    var unreadable: Set<RunID> = []
    var nextTick: Int64 = 0
    var ending: (deadline: Int64, done: @Sendable () -> Void)?
    /// How often the loop has turned; read by other threads.
    let turns = Atomic<UInt64>(0)

    init(
        writer: JournalWriter, reader: JournalReader, published: PublishedRuns, waiters: Waiters,
        offers: CallOffers, publisher: EventPublisher, effects: EffectRunner, readers: ReaderPool, webhooks: Webhooks,
        accessTokens: AccessTokens, counters: Counters, logger: Logger
    ) {
        self.writer = writer
        self.reader = reader
        self.published = published
        self.waiters = waiters
        self.offers = offers
        self.publisher = publisher
        self.effects = effects
        self.readers = readers
        self.webhooks = webhooks
        self.accessTokens = accessTokens
        self.counters = counters
        self.logger = logger
    }

    /// Recovers what was in flight when the last server ended, then starts the thread.
    func start() throws {
        nextOffset = writer.lastOffset + 1
        publisher.lastOffset = nextOffset - 1
        try accessTokens.load(from: reader)
        try recover()
        startThread("fermata-loop") { self.main() }
    }

    private func main() {
        while true {
            let deadline = nextDeadline()
            let items = inbox.take(until: deadline, atMost: Configuration.batchLimit)
            for item in items { handle(item) }
            handleTime()
            finishBatch()
            turns.add(1, ordering: .relaxed)
            if let ending, isDrained || Clock.monotonic >= ending.deadline {
                waiters.endAll()
                ending.done()
                return
            }
        }
    }

    private var isDrained: Bool { residents.values.allSatisfy { $0.inFlight.isEmpty } && parked.isEmpty }

    private func nextDeadline() -> Int64 {
        let monotonic = Clock.monotonic
        var deadline = nextTick
        if ending == nil, let first = due.values.min() { deadline = min(deadline, monotonic + max(0, first - Clock.now)) }
        for first in [waiters.nextDeadline, offers.nextExpiry, leases.nextEnd] {
            if let first { deadline = min(deadline, first) }
        }
        if let ending { deadline = min(deadline, ending.deadline) }
        return deadline
    }

    private func handleTime() {
        let now = Clock.now
        if ending == nil {
            for (run, time) in due where time <= now { decide(.timePassed, run: run, reply: nil) }
        }
        let monotonic = Clock.monotonic
        waiters.expire(now: monotonic)
        offers.expire(now: monotonic)
        if ending == nil { endLeases(now: monotonic) }
        guard monotonic >= nextTick else { return }
        nextTick = monotonic + 1_000_000
        publisher.tick(now: now)
        wakeDueRuns(through: now)
        checkpointIfLogIsLong()
        writeSnapshots()
        forgetRequests(before: now - 24 * 3600 * 1_000_000)
        forgetDeadMessages(before: now - 30 * 24 * 3600 * 1_000_000)
        let again = deferred
        deferred = []
        for item in again { handle(item) }
    }

    // MARK: - Take and decide

    func handle(_ item: Item) {
        switch item {
        case .command(let command): if !isAnswered(command.identity) { handle(command) }
        case .putAgent(let command): if !isAnswered(command.identity) { handle(command) }
        case .adopt(let adoption): if !isAnswered(adoption.command.identity) { handle(adoption) }
        case .registerTools(let command): if !isAnswered(command.identity) { handle(command) }
        case .extendCall(let request): handle(request)
        case .token(let command): if !isAnswered(command.identity) { handle(command) }
        case .effectEnded(let run, let effect, let input):
            residents[run]?.inFlight[effect] = nil
            batch.ends.append(item)
            decide(input, run: run, reply: nil)
        case .messageTried(let outcome): batch.outcomes.append(outcome)
        case .timePassed(let run):
            if residents[run] == nil {
                load(run, then: item)
            } else {
                decide(.timePassed, run: run, reply: nil)
            }
        case .loaded(let loaded):
            let run = loaded.run
            let waiting = parked.removeValue(forKey: run.id) ?? []
            guard run.seq > 0 else {
                for item in waiting {
                    // What makes the run needs none, and what came after that has one.
                    if case .adopt = item {
                        handle(item)
                    } else if residents[run.id] != nil {
                        handle(item)
                    } else {
                        refuse([item], Refusal(.noSuchRun, "there is no run \(run.id)"))
                    }
                }
                return
            }
            reside(loaded)
            touch(run.id)
            for item in waiting { handle(item) }
        case .unreadable(let run, let problem):
            noteUnreadable(run, problem)
            refuse(parked.removeValue(forKey: run) ?? [], .unreadable(run))
        case .shutDown(let limit, let done):
            ending = (Clock.monotonic + limit, done)
            forgetLeases()
            for run in residents.keys { decide(.shutdown, run: run, reply: nil) }
        }
    }

    /// Answers a command that needs no decision: it was accepted before, or the server is ending.
    private func isAnswered(_ command: CommandIdentity) -> Bool {
        guard ending == nil else {
            command.reply(.failure(Refusal(.shuttingDown, "the server is ending")))
            return true
        }
        do {
            let journaled = try writer.request(command.requestID).map(Repeat.init)
            guard let known = batch.requests[command.requestID] ?? journaled else { return false }
            batch.replies.append { isWritten in
                guard isWritten || journaled != nil else { return command.reply(.failure(.notWritten)) }
                command.reply(
                    known.digest == command.digest
                        ? .success(known.reply)
                        : .failure(Refusal(.conflict, "this request_id was used for another command")))
            }
            return true
        } catch { fail("the journal cannot be read", error) }
    }

    private func handle(_ command: CommandItem) {
        if case .launch = command.request {
            residents[command.run] = Resident(Run(id: command.run))
        }
        if residents[command.run] == nil {
            load(command.run, then: .command(command))
        } else {
            decide(.command(command.request, command.provenance), run: command.run, reply: command)
        }
    }

    private func refuse(_ items: [Item], _ refusal: Refusal) {
        for item in items {
            switch item {
            case .command(let command): batch.replies.append { _ in command.identity.reply(.failure(refusal)) }
            case .adopt(let adoption):
                batch.replies.append { _ in adoption.command.identity.reply(.failure(refusal)) }
            case .extendCall(let request): batch.replies.append { _ in request.reply(.failure(refusal)) }
            default: break
            }
        }
    }

    /// Reads a run off the loop's thread; what comes for it meanwhile waits in order.
    func load(_ id: RunID, then item: Item) {
        parked[id, default: []].append(item)
        guard parked[id]!.count == 1 else { return }
        let read: ReaderPool.Job = { [inbox] reader in
            do {
                inbox.put(.loaded(try JournaledRun(id: id, from: reader)))
            } catch {
                inbox.put(.unreadable(id, "\(error)"))
            }
        }
        // A long run without its snapshot takes as long to read as it is long: others must not wait for it.
        readers.lookUp { [readers] reader in
            if JournaledRun.isQuicklyRead(id, from: reader) { read(reader) } else { readers.run(read) }
        }
    }

    func decide(_ input: Input, run id: RunID, reply command: CommandItem?) {
        guard let resident = residents[id] else { return }
        let before = resident.run
        let context = Context(
            now: Clock.now, mayStart: ending == nil,
            textSoFar: { resident.inFlight[$0]?.textSoFar ?? "" },
            outputSoFar: { resident.inFlight[$0]?.outputSoFar ?? ToolReply(outcome: .callInterrupted, output: "") })
        var decision: Decision
        do {
            decision = try before.decide(input, context)
        } catch {
            batch.replies.append { command?.identity.reply(.failure($0 ? error : .notWritten)) }
            return
        }
        cancelUnwanted(in: resident, by: decision.run)
        let isChanged = record(&decision, before: before, in: resident)
        if let command { accept(command, decision, isChanged: isChanged, of: resident) }
    }

    /// Takes the decision's events into the batch, and makes the run after them the resident's.
    ///
    /// - Parameter statusBefore: nil: that of the run before; `unspecified` of a run that is new.
    /// - Returns: whether there were any.
    func record(
        _ decision: inout Decision, before: Run, statusBefore: FermataStatus? = nil, in resident: Resident
    ) -> Bool {
        var events = decision.takeEvents()
        guard !events.isEmpty else { return false }
        let id = before.id
        for index in events.indices {
            events[index].offset = nextOffset
            nextOffset += 1
            batch.append(&events[index], of: decision.run)
        }
        resident.run = decision.run
        let status = decision.run.status
        batch.touched[id, default: []].append(status)
        var change: StatusChange?
        let statusBefore = statusBefore ?? (before.seq == 0 ? .unspecified : before.status)
        if status != statusBefore {
            change = StatusChange(run: id, before: statusBefore, after: decision.run)
            batch.statusChanges.append(change!)
        }
        batch.outbox += webhooks.messages.rows(of: events, change, run: decision.run)
        due[id] = decision.run.due
        return true
    }

    /// Stopping early is harmless: what is no longer wanted is cancelled before the commit.
    private func cancelUnwanted(in resident: Resident, by run: Run) {
        guard !resident.inFlight.isEmpty else { return }
        let wanted = run.wanted
        let unwanted = resident.inFlight.filter { !wanted.contains($0.key) }.values
        for work in unwanted { work.cancel() }
        // Whoever was woken for it is often to run on this very processor: it need not wait until the commit sleeps.
        if !unwanted.isEmpty { sched_yield() }
    }

    func accept(_ command: CommandItem, _ decision: Decision, isChanged: Bool, of resident: Resident) {
        var summary = resident.summary
        if !summary.lastMessage.isEmpty { summary.lastMessage = "" }
        var reply = FermataCommandReply.with {
            $0.run = summary
            $0.changed = isChanged
            $0.message = decision.message
        }
        if case .startCall(let call, let attempt, _) = command.request {
            describe(call, attempt: attempt, lease: command.lease, of: decision.run, in: &reply)
        }
        remember(command.identity, try! reply.serializedBytes())
    }

    /// The command is accepted: its reply goes out after the commit, and again to whoever repeats it.
    func remember(_ command: CommandIdentity, _ bytes: [UInt8]) {
        batch.requests[command.requestID] = Repeat(digest: command.digest, reply: bytes)
        batch.commands.append((command, bytes))
    }

    /// A run as the journal has it comes into memory.
    func reside(_ loaded: JournaledRun) {
        let run = loaded.run
        residents[run.id] = Resident(run, snapshotSeq: loaded.snapshotSeq)
        due[run.id] = run.due
        published.set(run)
    }

    func touch(_ id: RunID) {
        touches += 1
        residents[id]?.touched = touches
        recent.append((id, touches))
    }

    /// A failure after which nobody knows what is true: the next start reads it from the journal.
    func fail(_ what: String, _ error: any Error) -> Never { die(logger, what, error) }
}
