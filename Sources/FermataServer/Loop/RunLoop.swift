internal import FermataCore
internal import FermataProtocol
internal import Glibc
internal import SwiftProtobuf
internal import Journal
internal import Logging
internal import RunRows
internal import Synchronization
internal import Threads

/// The one loop through which every run changes: take, decide, cancel, commit, answer, publish, reconcile.
///
/// It has a thread of its own and blocks on it only for the commit: inputs that come meanwhile are taken together
/// and share the next one.
///
/// Everything but `inbox` is touched by the loop's thread alone, which is why the class may cross threads.
final class RunLoop: @unchecked Sendable {
    enum Item: Sendable {
        case command(CommandItem)
        case putAgent(AgentChange)
        /// A run that was written elsewhere is to be one of this server's.
        case adopt(Adoption)
        case registerTools(ToolChange)
        case putBlob(BlobChange)
        case extendCall(Extension)
        case token(TokenChange)
        /// An effect has ended; the input says how.
        case effectEnded(RunID, Effect, EffectEnd)
        /// A message of the outbox was tried.
        case messageTried(OutboxOutcome)
        /// A time of the run's has come.
        case timePassed(RunID)
        /// A run that was asked for is in memory again.
        case loaded(JournaledRun)
        /// A run that was asked for is damaged in the store.
        case unreadable(RunID, String)
        /// End: cut what is in flight, wait for its ends at most this long (µs), then call back, on another thread.
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
        /// Of the launch of a child, which is a command to its parent: the run that the reply is about.
        var child: RunID?
    }

    /// What tells a command from all others, and who waits for its reply.
    struct CommandIdentity: Sendable {
        let requestID: RequestID
        /// Tells a repeat of the command from another command with the same id.
        let digest: UInt64
        /// Bytes of the command.
        var size = 0
        /// Called once with the encoded reply, on the loop's thread or on one that answers for it; must not block.
        let reply: @Sendable (Result<[UInt8], Refusal>) -> Void
    }

    let inbox = Mailbox<Item>()
    let writer: any JournalWriting
    /// For recovery.
    let reader: any JournalReading
    let published: PublishedRuns
    let waiters: Waiters
    let offers: CallOffers
    let publisher: EventPublisher
    let effects: EffectRunner
    let readers: ReaderPool
    let webhooks: Webhooks
    let accessTokens: AccessTokens
    let counters: Counters
    let clockFile: ClockFile
    let logger: Logger
    let answering = WorkThread("fermata-reply")

    var residents: [RunID: Resident] = [:]
    /// Inputs for runs that are being read from the journal, in order of arrival.
    var parked: [RunID: [Item]] = [:]
    /// Commands for runs of which one waits until another run, which it concerns as well, is read.
    var blocked: [RunID: [Item]] = [:]
    /// Runs that stay in memory until such a command is decided.
    var pinned: Set<RunID> = []
    var batch = Batch()
    /// What the journal has of the requests that this turn took; nil: nothing. Of others it has to be asked.
    private var lookedUp: [RequestID: Repeat?] = [:]
    /// Times at which runs in memory want to be told that time has passed, µs of the steady clock; the journal has the
    /// others.
    var due: [RunID: Int64] = [:]
    /// Residents that nothing goes on of.
    var recent = RecentRuns()
    /// Ends of effects that a full store could not take; tried again with the next tick.
    var deferred: [Item] = []
    var staleSnapshots = StaleSnapshots()
    var leases = Leases()
    /// Children of runs that came from elsewhere, and are elsewhere themselves.
    var absent: Set<RunID> = []
    /// Runs that were found damaged in the store.
    var unreadable: Set<RunID> = []
    var nextTick: Int64 = 0
    /// The journal's last offset when the clock's file was written.
    var offsetAtTick: UInt64 = 0
    var hearing = Hearing(now: Clock.monotonic)
    /// When the turn began. All that is judged in a turn is judged by this: the time of a stop in its midst is seen by the
    /// next turn, which knows how long the stop was.
    var turn = Moment()
    var ending: (deadline: Int64, done: @Sendable () -> Void)?
    /// How often the loop has turned; read by other threads.
    let turns = Atomic<UInt64>(0)

    init(
        writer: any JournalWriting, reader: any JournalReading, published: PublishedRuns, waiters: Waiters,
        offers: CallOffers, publisher: EventPublisher, effects: EffectRunner, readers: ReaderPool, webhooks: Webhooks,
        accessTokens: AccessTokens, counters: Counters, clockFile: ClockFile, logger: Logger
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
        self.clockFile = clockFile
        self.logger = logger
    }

    /// Recovers what was in flight when the last server ended, then starts the thread.
    func start() throws {
        publisher.lastOffset = writer.lastOffset
        if try !accessTokens.load(from: reader) {
            logger.warning(
                """
                token.key is not the key with which this store's tokens were made: they stay valid, a repeat of their \
                command does not tell them again, and tokens to resume and to answer from then are not taken
                """)
        }
        effects.whenMoreMayStart { [inbox] in inbox.wake() }
        try recover()
        startThread("fermata-loop") { self.main() }
    }

    private func main() {
        while true {
            let deadline = nextDeadline()
            hearing.sleeps(until: deadline, now: Clock.monotonic)
            let items = inbox.take(
                until: deadline, atMost: Configuration.batchLimit, bytes: Configuration.batchBytes)
            turn = Moment()
            noteStandstill()
            lookAtClock()
            lookUpRequests(of: items)
            for item in items { handle(item) }
            handleTime()
            finishBatch()
            if ending == nil { effects.startWaiting { residents[$0]?.current } }
            // After what this turn brought them.
            waiters.expire(now: turn.monotonic)
            turns.add(1, ordering: .relaxed)
            if let ending, isDrained || turn.monotonic >= ending.deadline {
                waiters.endAll()
                endStore()
                // After the last answers.
                answering.run(ending.done)
                return
            }
        }
    }

    private var isDrained: Bool { residents.values.allSatisfy { $0.inFlight.isEmpty } && parked.isEmpty }

    // MARK: - Take and decide

    func handle(_ item: Item) {
        switch item {
        case .command(let command): if !isAnswered(command.identity) { handle(command) }
        case .putAgent(let command): if !isAnswered(command.identity) { handle(command) }
        case .adopt(let adoption): if !isAnswered(adoption.command.identity) { handle(adoption) }
        case .registerTools(let command): if !isAnswered(command.identity) { handle(command) }
        case .putBlob(let command): if !isAnswered(command.identity) { handle(command) }
        case .extendCall(let request): handle(request)
        case .token(let command): if !isAnswered(command.identity) { handle(command) }
        case .effectEnded(let run, let effect, let end):
            residents[run]?.inFlight[effect] = nil
            batch.ends.append(item)
            let before = batch.blobUses.count
            decide(end.input, run: run, reply: nil)
            if !end.blobs.isEmpty { keep(end.blobs, namedBy: batch.blobUses[before...]) }
        case .messageTried(let outcome): batch.outcomes.append(outcome)
        case .timePassed(let run):
            if let missing = missing(whereTimePasses: run) {
                load(missing, then: item)
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
                    } else if isBlocked(item, by: run.id) {
                        absent.insert(run.id)
                        unblock(item)
                    } else {
                        refuse([item], Refusal(.noSuchRun, "there is no run \(run.id)"))
                    }
                }
                return
            }
            reside(loaded)
            touch(run.id)
            for item in waiting { if isBlocked(item, by: run.id) { unblock(item) } else { handle(item) } }
        case .unreadable(let run, let problem):
            noteUnreadable(run, problem)
            let waiting = parked.removeValue(forKey: run) ?? []
            refuse(waiting.filter { !isBlocked($0, by: run) }, .unreadable(run))
            // Its family goes on without it.
            for item in waiting where isBlocked(item, by: run) { unblock(item) }
        case .shutDown(let limit, let done):
            ending = (turn.monotonic + limit, done)
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
            let journaled = try lookedUp[command.requestID] ?? writer.request(command.requestID).map(Repeat.init)
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

    /// What the journal has of the requests of many commands is asked for at once.
    private func lookUpRequests(of items: [Item]) {
        lookedUp.removeAll(keepingCapacity: true)
        let ids = items.compactMap(\.requestID)
        guard ids.count > 1 else { return }
        do {
            let known = try writer.requests(ids)
            for id in ids { lookedUp[id] = .some(nil) }
            for row in known { lookedUp[row.id] = Repeat(row) }
        } catch { fail("the journal cannot be read", error) }
    }

    private func handle(_ command: CommandItem) {
        if case .launch = command.request {
            residents[command.run] = Resident(Run(id: command.run))
        }
        if blocked[command.run] == nil {
            proceed(with: command)
        } else {
            blocked[command.run]!.append(.command(command))
        }
    }

    func proceed(with command: CommandItem) {
        if let missing = missing(for: command.request, to: command.run) {
            if missing != command.run { blocked[command.run] = [] }
            load(missing, then: .command(command))
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

    /// Decides an input to a run in memory, with all that comes of it for other runs.
    func decide(_ input: Input, run id: RunID, reply command: CommandItem?) {
        guard let resident = residents[id] else { return }
        do throws(Refusal) {
            let decision = try resident.run.decide(input, context(of: resident))
            take(try unit(of: decision), reply: command)
        } catch {
            batch.replies.append { command?.identity.reply(.failure($0 ? error : .notWritten)) }
        }
    }

    /// What a decision about a run may know.
    func context(of resident: Resident?) -> Context {
        var context = Context(
            now: turn.steady, lead: Clock.lead, mayStart: ending == nil,
            patience: hearing.patience(now: turn.monotonic),
            answerSoFar: { resident?.inFlight[$0]?.takeAnswer() ?? "" },
            outputSoFar: {
                resident?.inFlight[$0]?.takeOutput() ?? ToolReply(outcome: .callInterrupted, output: "")
            })
        context.surroundings = self
        return context
    }

    /// Takes what was decided together into the batch, and accepts the command that it is about.
    ///
    /// - Parameter statusBefore: of the first run; nil: as it is in memory.
    func take(_ unit: consuming DecidedUnit, reply command: CommandItem?, statusBefore: FermataStatus? = nil) {
        var unit = unit
        var isChanged = false
        for index in unit.decisions.indices {
            let events = unit.takeEvents(index)
            guard !events.isEmpty else { continue }
            isChanged = true
            let run = unit.decisions[index].run
            // What is durable of it stays: a batch that cannot be committed goes back to that, or to nothing.
            let resident = residents[run.id] ?? makeResident(run.id)
            let before = resident.current
            resident.become(run)
            cancelUnwanted(in: resident)
            let status = before.seq == 0 ? .unspecified : before.status
            record(events, of: resident, statusBefore: index == 0 ? statusBefore ?? status : status)
        }
        if let command { accept(command, unit.decisions[0], isChanged: isChanged) }
    }

    /// A run that there has not been until now, or that is not in memory.
    private func makeResident(_ id: RunID) -> Resident {
        let resident = Resident(Run(id: id))
        residents[id] = resident
        absent.remove(id)
        return resident
    }

    /// Takes the events into the batch that a decision came to; the run is the one after it.
    ///
    /// - Parameter statusBefore: `unspecified` of a run that is new.
    func record(_ events: consuming [FermataEvent], of resident: Resident, statusBefore: FermataStatus) {
        let after = resident.current
        for index in events.indices { batch.append(&events[index], of: after.run) }
        batch.touched[after.id, default: []].append(after.status)
        var change: StatusChange?
        if after.status != statusBefore {
            change = StatusChange(before: statusBefore, after: after)
            batch.statusChanges.append(change!)
        }
        batch.outbox += webhooks.messages.rows(of: events, change, run: after.run, now: turn.steady)
        due[after.id] = after.due
    }

    /// Stopping early is harmless: what is no longer wanted is cancelled before the commit.
    private func cancelUnwanted(in resident: Resident) {
        guard !resident.inFlight.isEmpty else { return }
        let unwanted = resident.inFlight.filter { !resident.current.wanted.contains($0.key) }.values
        for work in unwanted { work.cancel() }
        // Whoever was woken for it is often to run on this very processor, where it would wait until the commit sleeps: an
        // interrupt took 757 µs until the model's server saw it, and takes 480 with this.
        if !unwanted.isEmpty { sched_yield() }
    }

    private func accept(_ command: CommandItem, _ decision: Decision, isChanged: Bool) {
        guard let subject = residents[command.child ?? command.run] else { return }
        var reply = FermataCommandReply.with {
            $0.changed = isChanged
            $0.message = decision.message
        }
        if case .startCall(let call, let attempt, _) = command.request {
            describe(call, attempt: attempt, lease: command.lease, of: decision.run, in: &reply)
        }
        var bytes: [UInt8] = try! reply.serializedBytes()
        bytes.append(encoded: subject.summaryForReply(), asField: FermataCommandReply.runFieldNumber)
        remember(command.identity, bytes)
    }

    /// The command is accepted: its reply goes out after the commit, and again to whoever repeats it.
    func remember(_ command: CommandIdentity, _ bytes: [UInt8]) {
        batch.requests[command.requestID] = Repeat(digest: command.digest, reply: bytes)
        batch.commands.append((command, bytes))
    }

    /// A run as the journal has it comes into memory.
    func reside(_ loaded: JournaledRun) {
        let run = loaded.run
        let resident = Resident(run, snapshotSeq: loaded.snapshotSeq)
        residents[run.id] = resident
        absent.remove(run.id)
        due[run.id] = run.due
        published.set(resident.current)
    }

    /// A failure after which nobody knows what is true: the next start reads it from the journal.
    func fail(_ what: String, _ error: any Error) -> Never { die(logger, what, error) }
}

extension RunLoop.Item {
    /// Of a command that is remembered.
    fileprivate var requestID: RequestID? {
        switch self {
        case .command(let command): command.identity.requestID
        case .putAgent(let command): command.identity.requestID
        case .adopt(let adoption): adoption.command.identity.requestID
        case .registerTools(let command): command.identity.requestID
        case .putBlob(let command): command.identity.requestID
        case .token(let command): command.identity.requestID
        default: nil
        }
    }
}
