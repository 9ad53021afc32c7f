import FermataCore
import FermataProtocol
import Testing

@testable import FermataServer

@Suite struct LeasesTests {
    private let runs = (1...3).map { RunID(microseconds: $0, random: 1) }
    private let effect = Effect.lease(call: 1, attempt: 1)

    @Test func endInTheOrderOfTheirTimes() {
        var leases = Leases()
        leases.give(effect, of: runs[0], for: 30, now: 0)
        leases.give(effect, of: runs[1], for: 10, now: 5)
        leases.give(effect, of: runs[2], for: 100, now: 0)
        #expect(leases.count == 3 && leases.nextEnd == 15)
        #expect(leases.endPassed(now: 14).isEmpty)
        #expect(leases.endPassed(now: 30).map(\.run) == [runs[1], runs[0]])
        #expect(leases.count == 1 && leases.nextEnd == 100)
    }

    /// A loop that is late moves ends, by no more than a lease's own length until it is extended.
    @Test func areHeardBeforeTheyEnd() {
        var leases = Leases()
        leases.give(effect, of: runs[0], for: 10, now: 0)
        leases.hear(until: 14)
        #expect(leases.endPassed(now: 13).isEmpty)
        leases.hear(until: 20)
        leases.hear(until: 21)
        #expect(leases.endPassed(now: 19).isEmpty)
        #expect(leases.endPassed(now: 20).map(\.run) == [runs[0]])
        leases.give(effect, of: runs[1], for: 10, now: 20)
        leases.hear(until: 25)
        #expect(leases.endPassed(now: 30).map(\.run) == [runs[1]])
        leases.hear(until: 100)
        #expect(leases.nextEnd == nil && leases.count == 0)
    }

    /// Who was not heard has the whole of its own time again, not more.
    @Test func beginAnewWithTheirOwnLength() {
        var leases = Leases()
        leases.give(effect, of: runs[0], for: 10, now: 0)
        leases.give(effect, of: runs[1], for: 30, now: 0)
        leases.beginAnew(now: 1000)
        #expect(leases.nextEnd == 1010)
        #expect(leases.endPassed(now: 1009).isEmpty)
        #expect(leases.endPassed(now: 1010).map(\.run) == [runs[0]])
        #expect(leases.endPassed(now: 1030).map(\.run) == [runs[1]])
        #expect(leases.count == 0 && leases.nextEnd == nil)
        leases.beginAnew(now: 2000)
        #expect(leases.nextEnd == nil)
        // Of a worker that says nothing, however often the service stands still.
        leases.give(effect, of: runs[0], for: 10, now: 2000)
        for time in [2005, 2010, 2015, 2020] as [Int64] { leases.beginAnew(now: time) }
        #expect(leases.endPassed(now: 2025).map(\.run) == [runs[0]])
        leases.give(effect, of: runs[1], for: 10, now: 3000)
        for time in [3005, 3010, 3015] as [Int64] { leases.beginAnew(now: time) }
        leases.give(effect, of: runs[1], for: 10, now: 3020)
        leases.beginAnew(now: 3029)
        #expect(leases.nextEnd == 3039)
    }
}
