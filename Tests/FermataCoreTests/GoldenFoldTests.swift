import FermataCore
import FermataProtocol
import GoldenStores
import RunAudit
import Testing

/// Journals of earlier binaries fold to the runs that those binaries showed, for ever.
struct GoldenFoldTests {
    @Test(arguments: GoldenStore.all) func eventsFoldToTheRunsThatWereShown(_ store: GoldenStore) throws {
        #expect(!store.runs.isEmpty && store.events.map(\.offset) == Array(1...UInt64(store.events.count)))
        for shown in store.runs {
            var run = Run(id: try #require(RunID(shown.run.id)))
            for event in store.events(of: shown.run.id) where event.seq <= shown.run.lastSeq {
                #expect(run.problem(withNext: event) == nil, "\(store.name(shown.run.id)), event \(event.seq)")
                run.apply(event)
            }
            let name: Comment = "\(store.name(shown.run.id))"
            #expect(run.summary == shown.run, name)
            #expect(run.callMessages == shown.calls, name)
            #expect(run.queuedMessages == shown.queued, name)
            #expect(run.spec.policy == shown.policy, name)
            let open = store.asks.filter { $0.run == shown.run.id }.map(\.number)
            #expect(run.isHandedOff ? open.isEmpty : run.summary.openAsks == open, name)
        }
    }

    /// The past that a model was shown is never written anew.
    @Test(arguments: GoldenStore.all) func requestsOnlyGrow(_ store: GoldenStore) throws {
        var requests = 0
        for shown in store.runs {
            let (count, problem) = try Requests.audit(store.events(of: shown.run.id))
            #expect(problem == nil, "\(store.name(shown.run.id)), \(problem ?? "")")
            requests += count
        }
        #expect(requests > 0)
    }

    @Test(arguments: GoldenStore.all.filter { !$0.snapshots.isEmpty })
    func eventsFoldToTheSnapshotsThatWereWritten(_ store: GoldenStore) throws {
        for snapshot in store.snapshots where snapshot.format == Run.snapshotFormat {
            let events = store.events(of: "\(snapshot.run)")
            var run = Run(id: snapshot.run)
            for event in events where event.seq <= snapshot.seq { run.apply(event) }
            let read = try #require(Run(id: snapshot.run, snapshot: snapshot.bytes))
            #expect(read == run && read.seq == snapshot.seq, "\(store.name("\(snapshot.run)"))")
        }
    }

    /// Who raises the format of snapshots makes golden stores that have the new one.
    @Test func thereIsASnapshotOfTodaysFormatWithEveryKindOfEventBehindIt() throws {
        let whole = GoldenStore.all.contains { store in
            store.snapshots.contains { snapshot in
                let kinds = store.events(of: "\(snapshot.run)").filter { $0.seq <= snapshot.seq }.map(\.name)
                return snapshot.format == Run.snapshotFormat && Set(kinds).count == 28
            }
        }
        #expect(whole)
    }
}
