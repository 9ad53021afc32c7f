import Testing

@testable import FermataServer

/// The steady clock after a start: no wait that is measured by it is longer than its own length, and in one boot of the
/// machine none is shorter either.
@Suite struct SteadyClockTests {
    private static let second: Int64 = 1_000_000
    private static let people: Int64 = 1_700_000_000 * second
    static let steps: [Int64] = [-31_536_000, -3600, 0, 3600, 31_536_000].map { $0 * second }

    private func first(_ lastEvent: (at: Int64, lead: Int64)? = nil, people: Int64 = people) -> SteadyClock {
        SteadyClock(after: nil, lastEvent: lastEvent, boot: "a", sinceBoot: 5 * Self.second, people: people)
    }

    @Test func theFirstOneIsPeoples() {
        let clock = first()
        #expect(clock.reached == Self.people && clock.lead == 0 && clock.base == Self.people - 5 * Self.second)
    }

    @Test(arguments: steps) func inOneBootItGoesOnWhateverPeoplesClockDoes(_ step: Int64) {
        let before = first()
        let clock = SteadyClock(
            after: before, lastEvent: nil, boot: "a", sinceBoot: 15 * Self.second,
            people: Self.people + 10 * Self.second + step)
        #expect(clock.reached == Self.people + 10 * Self.second && clock.lead == step)
        // The next start finds the lead that it had, to the microsecond.
        let next = SteadyClock(
            after: clock, lastEvent: nil, boot: "a", sinceBoot: 16 * Self.second,
            people: Self.people + 11 * Self.second + step + 3)
        #expect(next.reached == Self.people + 11 * Self.second && next.lead == step)
    }

    @Test(arguments: steps) func afterAnotherBootItIsNeverBefore(_ step: Int64) {
        let before = first()
        let clock = SteadyClock(
            after: before, lastEvent: nil, boot: "b", sinceBoot: Self.second,
            people: Self.people + 60 * Self.second + step)
        // Set back: as if no time had passed. Set forward: nobody can tell that from time that has passed.
        #expect(clock.reached == max(Self.people + 60 * Self.second + step, before.reached))
        #expect(clock.reached + clock.lead == Self.people + 60 * Self.second + step)
        // What was set before stays told apart.
        var set = before
        set.lead = step
        let after = SteadyClock(
            after: set, lastEvent: nil, boot: "b", sinceBoot: Self.second, people: Self.people + 60 * Self.second + step
        )
        #expect(after.reached == Self.people + 60 * Self.second && after.lead == step)
    }

    /// A boot that has the same name and is another: a machine that was copied while it ran, a clock of a container.
    @Test func aBootThatIsYoungerThanItWasIsAnother() {
        var before = first()
        before.reached += 100 * Self.second
        let clock = SteadyClock(
            after: before, lastEvent: nil, boot: "a", sinceBoot: Self.second, people: Self.people + 200 * Self.second)
        #expect(clock.reached == Self.people + 200 * Self.second)
    }

    @Test(arguments: steps) func withoutTheFileTheJournalIsTheWitness(_ step: Int64) {
        let clock = first((at: Self.people, lead: 0), people: Self.people + step)
        #expect(clock.reached == max(Self.people, Self.people + step))
        let led = first((at: Self.people, lead: step), people: Self.people + step + 7 * Self.second)
        #expect(led.reached == Self.people + 7 * Self.second && led.lead == step)
    }

    @Test func theFileIsReadAsItWasWritten() throws {
        let clock = SteadyClock(boot: "0f-a", base: -5, lead: 7, reached: 1 << 50)
        #expect(SteadyClock(text: clock.text) == clock)
        #expect(clock.text.utf8.count == 255)
        // The longest there is.
        let long = SteadyClock(
            boot: String(repeating: "f", count: 36), base: -1 << 54, lead: -1 << 54, reached: 1 << 54)
        #expect(SteadyClock(text: long.text) == long && long.text.utf8.count == 255)
    }

    /// A flipped bit is no other time: it is as if there were no file.
    @Test func aFlippedBitIsNoOtherTime() {
        let clock = SteadyClock(boot: "0f-a", base: 1_796_051_173_348_578, lead: 7, reached: 1_796_051_179_000_000)
        let bytes = Array(clock.text.utf8)
        for (place, bit) in bytes.indices.flatMap({ place in (0..<8).map { (place, $0) } }) {
            var flipped = bytes
            flipped[place] ^= 1 << bit
            guard let text = String(validating: flipped, as: UTF8.self) else { continue }
            let read = SteadyClock(text: text)
            #expect(read == nil || read == clock, "byte \(place), bit \(bit)")
        }
        // As it was written before there was a sum.
        let old = "clock 1\nboot 0f-a\nbase -5\nlead 7\nreached 9\nend .\n\n\n"
        #expect(SteadyClock(text: old) == SteadyClock(boot: "0f-a", base: -5, lead: 7, reached: 9))
        // As it is written now. frozen: a later server reads it.
        let now = "clock 2\nboot 0f-a\nbase -5\nlead 7\nreached 9\nsum 6c75aa4e34de069e\nend .\n"
        #expect(SteadyClock(text: now) == SteadyClock(boot: "0f-a", base: -5, lead: 7, reached: 9))
    }

    @Test func whatIsNoSuchFileIsNone() {
        let good = SteadyClock(boot: "a", base: 1, lead: 2, reached: 3).text
        for cut in 0..<(good.firstRange(of: "end .")!.upperBound.utf16Offset(in: good)) {
            #expect(SteadyClock(text: String(good.prefix(cut))) == nil)
        }
        for bad in [
            "", "\n\n", "clock", good.replacing("clock 2", with: "clock 3"), good.replacing("base 1", with: "base x"),
            good.replacing("reached 3", with: "reached \(Int64.max)"),
            good.replacing("lead 2", with: "lead \(Int64.min)"),
            good.replacing("base 1", with: "base 99999999999999999999"), String(repeating: "clock 1\n", count: 100_000),
            good.replacing("sum ", with: "some "),
        ] { #expect(SteadyClock(text: bad) == nil) }
    }
}
