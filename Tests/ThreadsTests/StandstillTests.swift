import Testing
import Threads

@Suite struct StandstillTests {
    @Test func aThreadThatTurnsInTimeHasNotStoodStill() {
        var standstill = Standstill(tolerance: 100, now: 0)
        standstill.sleeps(until: 1000, now: 10)
        standstill.woke(now: 1020)
        #expect(standstill.look(now: 1060) == 0)
        // Woken before the time, however long it slept.
        standstill.sleeps(until: .max, now: 1070)
        standstill.woke(now: 900_000)
        #expect(standstill.look(now: 900_050) == 0)
        // Many turns that are nearly too long each are none that is.
        for turn in 1...100 as ClosedRange<Int64> {
            let begin = 899_960 + turn * 100
            standstill.sleeps(until: begin + 20, now: begin)
            standstill.woke(now: begin + 50)
            #expect(standstill.look(now: begin + 90) == 0)
        }
    }

    @Test(arguments: [
        // Asleep, at work before the sleep, at work after it, and a little of each.
        (asleep: 10, woke: 5020, look: 5030, lost: 4040), (3010, 3020, 3030, 3030), (10, 500, 4000, 3510),
        (50, 1040, 1050, 100 + 0), (60, 1040, 1060, 120),
    ])
    func theTimeThatWasNotMeantToBeSleptCounts(_ turn: (asleep: Int, woke: Int, look: Int, lost: Int)) {
        var standstill = Standstill(tolerance: 100, now: 0)
        standstill.sleeps(until: 1000, now: Int64(turn.asleep))
        standstill.woke(now: Int64(turn.woke))
        #expect(standstill.look(now: Int64(turn.look)) == (turn.lost > 100 ? Int64(turn.lost) : 0))
        // It is told once.
        #expect(standstill.look(now: Int64(turn.look) + 1) == 0)
    }
}
