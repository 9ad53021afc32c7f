internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf
internal import Transfers

/// A command that makes a run of a journal that was written elsewhere: a checkpoint's, or the beginning of another
/// run's.
struct Adoption: Sendable {
    let command: RunLoop.CommandItem
    let prepared: PreparedRun
}

/// Copied events and what is decided on top of them are one transaction.
extension RunLoop {
    func handle(_ adoption: Adoption) {
        let command = adoption.command
        let prepared = adoption.prepared
        if parked[command.run] != nil {
            // The run is being read: what it was before would come after this.
            parked[command.run]!.append(.adopt(adoption))
            return
        }
        let unit: DecidedUnit
        do throws(Refusal) {
            try checkPlace(of: prepared)
            let decision = try prepared.run.decide(
                .command(command.request, command.provenance), context(of: nil))
            unit = try self.unit(of: decision)
        } catch {
            batch.replies.append { command.identity.reply(.failure($0 ? error : .notWritten)) }
            return
        }
        batch.rows += prepared.events
        batch.asks += prepared.asks
        batch.blobUses += prepared.blobUses
        for blob in prepared.blobs { batch.blobs[blob.sha256] = blob }
        store(prepared.agent, by: command.provenance.by)
        take(unit, reply: command, statusBefore: prepared.localSeq == 0 ? .unspecified : .stopped)
    }

    /// A checkpoint's run must not be here, unless it comes home to what it was prepared for.
    private func checkPlace(of prepared: PreparedRun) throws(Refusal) {
        let seq: UInt64
        if let resident = residents[prepared.run.id] {
            seq = resident.run.seq
        } else {
            do { seq = try reader.lastSeq(of: prepared.run.id.journaled) } catch {
                fail("the journal cannot be read", error)
            }
        }
        guard seq == prepared.localSeq else { throw .runExists }
    }

    /// Stores an agent that came with a run, unless there is one of its name.
    private func store(_ agent: FermataAgent?, by: String) {
        guard let agent, batch.agents[agent.name] == nil else { return }
        do {
            guard try writer.agent(agent.name) == nil else { return }
        } catch { fail("the journal cannot be read", error) }
        batch.agents[agent.name] = AgentRow(
            .with {
                $0.agent = agent
                $0.version = 1
                $0.storedAt = Clock.now
                $0.by = by
            })
    }
}
