internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows
internal import SwiftProtobuf
internal import Synchronization
internal import Threads

/// Commit, answer, publish, reconcile.
extension RunLoop {
    /// - Returns: false if the store had no room: then nothing of the batch has happened.
    @discardableResult
    func finishBatch() -> Bool {
        var done = batch
        let readyCalls = readyCallChanges(done)
        batch = Batch()
        if !done.writesNothing {
            do {
                done.isCommitted(from: try commit(journalBatch(done, readyCalls)).firstOffset)
                counters.storeIsFull.set(0)
                counters.commits.add()
                counters.events.add(done.rows.count)
                for written in done.events {
                    if let used = written.event.usedByModel { counters.used.withLock { $0.add(used.usage) } }
                }
            } catch  where error.code == .storeFull || error.code == .busy {
                rollBack(done, error)
                return false
            } catch { failAtCommit(error) }
        }
        for id in done.touched.keys {
            residents[id]?.committed()
            noteForSnapshot(id)
        }
        accessTokens.note(Array(done.tokens.values))
        for written in done.events where residents[written.run]?.current.isActive == true {
            effects.committed(written.event, of: written.run, size: written.size)
        }
        // Nobody waits for an answer: then what goes on outside does not wait for what is published.
        let isAnyoneWaiting = !done.commands.isEmpty || !done.replies.isEmpty
        if !isAnyoneWaiting { reconcile(done) }
        publish(done)
        outboxChanged(done)
        let readyTools = Set(readyCalls.compactMap(\.readyTool))
        if !readyTools.isEmpty { offers.callsAreReady(of: readyTools) }
        answer(done.commands)
        for reply in done.replies { reply(true) }
        if isAnyoneWaiting { reconcile(done) }
        evict()
        return true
    }

    /// Of a full store the journal makes the best first: only what finds no room after that is refused.
    private func commit(_ batch: JournalBatch) throws(JournalError) -> JournalCommit {
        do throws(JournalError) { return try writer.commit(batch) } catch {
            guard error.code == .storeFull, try writer.makeRoom() else { throw error }
            return try writer.commit(batch)
        }
    }

    /// Many answers are sent by another thread: with 64 clients they were an eighth of the loop's time.
    private func answer(_ commands: [(command: CommandIdentity, reply: [UInt8])]) {
        let send = { @Sendable in for (command, reply) in commands { command.reply(.success(reply)) } }
        if commands.count > RunLoop.answersAtOnce { answering.run(send) } else { send() }
    }

    private static let answersAtOnce = 8

    private func reconcile(_ done: Batch) {
        for id in done.touched.keys { reconcile(id) }
        for case .effectEnded(let run, _, _) in done.ends where done.touched[run] == nil { reconcile(run) }
    }

    private func journalBatch(_ done: Batch, _ readyCalls: [ReadyCallChange]) -> JournalBatch {
        let now = turn.steady
        return JournalBatch(
            events: done.rows,
            runs: done.touched.keys.map { id in
                let resident = residents[id]!
                let run = resident.current
                return RunRow(
                    run: id.journaled, summary: resident.summaryForRow(), status: Int32(run.status.rawValue),
                    active: run.isActive, due: run.due, parent: run.parent, agent: run.agent, createdAt: run.createdAt,
                    updatedAt: run.updatedAt, lastSeq: run.seq)
            },
            requests: done.requests.map { id, known in
                RequestRow(id: id, digest: known.digest.bytes, reply: known.reply, at: now)
            },
            asks: done.asks, agents: Array(done.agents.values), outcomes: done.outcomes, outbox: done.outbox,
            tools: Array(done.tools.values), readyCalls: readyCalls, tokens: Array(done.tokens.values),
            blobs: Array(done.blobs.values), blobUses: done.blobUses)
    }

    /// The store is full: nothing was written, and nothing has happened.
    private func rollBack(_ done: Batch, _ error: JournalError) {
        // Said once, until there is room again.
        if counters.storeIsFull.current == 0 { logger.error("nothing can be written: \(error)") }
        counters.storeIsFull.set(1)
        for id in done.touched.keys {
            guard let resident = residents[id] else { continue }
            resident.rollBack()
            // Not at once: the store would be asked again and again.
            due[id] = resident.current.due.map { max($0, turn.steady + 1_000_000) }
            keepLeases(of: resident, wanted: resident.current.wanted)
            if resident.current.seq == 0 { residents[id] = nil }
            touch(id)
        }
        for (command, _) in done.commands {
            command.reply(.failure(.notWritten))
        }
        for reply in done.replies { reply(false) }
        for case .effectEnded(let run, let effect, let end) in done.ends {
            // Its place stays taken: until its end is in the journal, the run still wants it.
            residents[run]?.inFlight[effect] = EndedEffect(input: end.input)
        }
        deferred += done.ends
        deferred += done.outcomes.map(Item.messageTried)
    }

    private func publish(_ done: Batch) {
        for id in done.touched.keys { published.set(residents[id]!.current) }
        publisher.publish(done.events, statusChanges: done.statusChanges)
        for (id, statuses) in done.touched {
            waiters.runChanged(residents[id]!.current, statuses: statuses)
        }
    }

    /// Starts what is wanted and not in flight. Everything that was begun is in the journal by now.
    func reconcile(_ id: RunID) {
        guard let resident = residents[id] else { return }
        if ending == nil {
            let wanted = resident.current.wanted
            keepLeases(of: resident, wanted: wanted)
            for effect in wanted where resident.inFlight[effect] == nil {
                resident.inFlight[effect] = effects.start(effect, of: resident.current) { [inbox] end in
                    inbox.put(.effectEnded(id, effect, end), bytes: end.byteCount)
                }
            }
        }
        if resident.current.status == .stopped, resident.inFlight.isEmpty {
            effects.forgetTools(of: id, mayComeHome: resident.run.isHandedOff)
        }
        touch(id)
    }

    /// What is committed to a store that was taken away or cut is lost: from then on nothing is acknowledged any more.
    func verifyStore() {
        do { try writer.verify() } catch { failAtCommit(error) }
    }

    private func failAtCommit(_ error: JournalError) -> Never {
        switch error.code {
        case .filesChanged: fail("nothing is acknowledged any more", error)
        case .corrupt: fail("a commit failed", error)
        default: fail("a commit failed and its outcome is not known", error)
        }
    }

    /// The last thing that is done to the store.
    func endStore() {
        do { try writer.end() } catch {
            logger.error("the store could not be ended in order", metadata: ["error": "\(error)"])
        }
    }

    /// Forgets request ids after a day, a few at a time.
    func forgetRequests(before time: Int64) {
        do {
            _ = try writer.forgetRequests(before: time, limit: 100)
        } catch  where error.code == .storeFull || error.code == .busy {
            // They are forgotten later.
        } catch {
            fail("a commit failed and its outcome is not known", error)
        }
    }

    /// Gives every run that had something in flight the news that it is lost, before anyone can ask.
    func recover() throws {
        for row in try reader.activeRuns() {
            guard let run = try recovered(RunID(row.run)) else { continue }
            let lost = run.begun.sorted { "\($0)" < "\($1)" }
            logger.info("recovering", metadata: ["run": "\(run.id)", "lost": "\(lost.count)"])
            for effect in lost { decide(.lost(effect), run: run.id, reply: nil) }
            try decideTime(run.id)
        }
        try finishRecovery()
        // What a worker has goes on without an event: its lease begins anew.
        for id in Array(residents.keys) { reconcile(id) }
        // Times that came while nobody was there, in their order.
        let now = turn.steady
        while true {
            let late = try reader.dueRuns(through: now, limit: Configuration.batchLimit)
            var isAnyDecided = false
            for row in late {
                let id = RunID(row.run)
                guard try residents[id] != nil || recovered(id) != nil else { continue }
                try decideTime(id)
                isAnyDecided = true
            }
            try finishRecovery()
            if late.count < Configuration.batchLimit || !isAnyDecided { return }
        }
    }

    /// Time has passed for a run, while nothing else goes on: the runs that it concerns as well are read at once.
    private func decideTime(_ id: RunID) throws {
        while let missing = missing(whereTimePasses: id) { _ = try recovered(missing) }
        decide(.timePassed, run: id, reply: nil)
    }

    /// Brings a run into memory.
    ///
    /// - Returns: nil if its own rows are damaged: the others go on without it.
    private func recovered(_ id: RunID) throws -> Run? {
        let loaded: JournaledRun
        do {
            loaded = try JournaledRun(id: id, from: reader)
        } catch let error where (error as? JournalError)?.code ?? .corrupt == .corrupt {
            noteUnreadable(id, "\(error)")
            return nil
        }
        guard loaded.run.seq > 0 else {
            absent.insert(id)
            return nil
        }
        reside(loaded)
        touch(id)
        return loaded.run
    }

    /// The others go on; this one is as it was for whoever repairs the store.
    func noteUnreadable(_ id: RunID, _ problem: String) {
        guard unreadable.insert(id).inserted else { return }
        logger.error("a run cannot be read", metadata: ["run": "\(id)", "error": "\(problem)"])
    }

    private func finishRecovery() throws {
        guard finishBatch() else {
            throw StartFailure("what was in flight cannot be recovered: nothing can be written to the store")
        }
    }
}

extension Refusal {
    /// Work in flight may have been stopped for it all the same: cancels go out before the commit.
    static let notWritten = Refusal(
        .storeFull, "the store is full or locked: nothing was changed in it, though work in flight may have stopped")
}
