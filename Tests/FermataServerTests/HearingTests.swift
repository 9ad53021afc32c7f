import Testing

@testable import FermataServer

@Suite struct HearingTests {
    private let second: Int64 = 1_000_000

    /// A turn of so much life, in a sleep that was meant, and so much standstill.
    private func turn(_ hearing: inout Hearing, _ now: inout Int64, lives: Int64, stands: Int64) -> Hearing.Standstill?
    {
        hearing.sleeps(until: now + lives, now: now)
        now += lives + stands
        return hearing.woke(now: now)
    }

    @Test func whoStoodStillHearsForAWhile() {
        var now: Int64 = 5
        var hearing = Hearing(now: now)
        #expect(turn(&hearing, &now, lives: second, stands: 0) == nil && hearing.patience(now: now) == 0)
        #expect(
            turn(&hearing, &now, lives: second, stands: 10 * second) == .init(lost: 10 * second, isLong: true))
        #expect(hearing.until == now + second && hearing.patience(now: now) == 10 * second)
        #expect(hearing.patience(now: hearing.until) == 0)
        // Stopped again before everybody was heard.
        #expect(turn(&hearing, &now, lives: second / 2, stands: second) == .init(lost: second, isLong: true))
        #expect(hearing.until == now + second && hearing.patience(now: now) == second)
        #expect(turn(&hearing, &now, lives: second / 2, stands: second / 4) == .init(lost: second / 4, isLong: true))
        #expect(hearing.patience(now: now) == second + second / 4)
    }

    /// Stops with life in between are each of them heard after, however many they are.
    @Test func manyStopsWithLifeInBetween() {
        var now: Int64 = 0
        var hearing = Hearing(now: now)
        for _ in 1...100 {
            #expect(turn(&hearing, &now, lives: second, stands: second * 7 / 10)?.isLong == true)
        }
    }

    /// Commits of 300 ms, one after the other: times of runs are told all the same.
    @Test func aLoopThatIsAlwaysLateTellsTheTime() {
        var now: Int64 = 0
        var hearing = Hearing(now: now)
        let heard = (1...100).count { _ in turn(&hearing, &now, lives: 0, stands: 300_000) != nil }
        #expect(heard == Configuration.hearingsInARow)
        #expect(hearing.until < now && hearing.patience(now: now) == 0)
        // And of turns that are only a little late one in a second is.
        hearing = Hearing(now: now)
        let late = (1...100).count { _ in turn(&hearing, &now, lives: 30_000, stands: 20_000) != nil }
        #expect((4...6).contains(late), "\(late)")
        // Which keeps nobody from being heard after a stop.
        for _ in 1...9 { #expect(turn(&hearing, &now, lives: 100_000, stands: 2 * second)?.isLong == true) }
    }
}
