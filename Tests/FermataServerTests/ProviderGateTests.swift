import Logging
import Models
import Synchronization
import Testing

@testable import FermataServer

/// How many model calls of all runs a provider has at once, and how they wait together after it said that they are too
/// many. Times are the test's own.
@Suite struct ProviderGateTests {
    /// A clock that the test moves, and how often the loop was woken.
    private final class World: Sendable {
        let now = Atomic<Int64>(1_000_000)
        let wakes = Atomic(0)

        func pass(_ seconds: Double) { now.add(Int64(seconds * 1e6), ordering: .relaxed) }
        var woken: Int { wakes.exchange(0, ordering: .relaxed) }
    }

    private let world = World()

    private func gate(requests: Int? = nil, tokens: Int? = nil) -> ProviderGate {
        var limits = ModelLimits()
        limits.requests = requests
        limits.tokens = tokens
        return ProviderGate(
            "p", limits, logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() },
            now: { [world] in world.now.load(ordering: .relaxed) },
            wake: { [world] in world.wakes.add(1, ordering: .relaxed) })
    }

    /// As many as there is room for.
    private func passes(_ gate: ProviderGate, _ most: Int = 10_000) -> [ProviderGate.Pass] {
        var passes: [ProviderGate.Pass] = []
        while passes.count < most, let pass = gate.pass() { passes.append(pass) }
        return passes
    }

    @Test func noMoreThanTheConfigurationSays() {
        let gate = gate(requests: 3)
        let first = passes(gate)
        #expect(first.count == 3 && gate.opensAt == nil)
        first[0].end(.other)
        // Ended twice is ended once; the loop is woken for the first only, as nobody waited then any more.
        first[0].end(.answered)
        #expect(world.woken == 1 && passes(gate).count == 1)
    }

    @Test func noMoreTokensThanTheConfigurationSays() {
        let gate = gate(tokens: 100)
        let first = gate.pass(tokens: 60)
        #expect(first != nil && gate.pass(tokens: 41) == nil)
        let second = gate.pass(tokens: 40)
        #expect(second != nil && gate.pass(tokens: 1) == nil)
        first?.end(.answered)
        #expect(world.woken == 1 && gate.pass(tokens: 61) == nil)
        second?.end(.other)
        // One that is too large for all goes alone.
        let large = gate.pass(tokens: 1_000_000)
        #expect(large != nil && gate.pass(tokens: 1) == nil)
        large?.end(.answered)
        #expect(gate.pass(tokens: 100) != nil)
    }

    @Test func aPassThatIsDroppedIsGivenBack() {
        let gate = gate(requests: 1)
        _ = gate.pass()
        #expect(gate.pass() != nil)
    }

    @Test func allWaitTogetherAndFewerComeBack() {
        let gate = gate()
        let first = passes(gate, 100)
        first[0].end(.limited(wants: 0))
        #expect(gate.pass() == nil && gate.opensAt == 2_000_000)
        // What was on its way when the wait began says nothing new, in either direction.
        for pass in first[1..<60] { pass.end(.limited(wants: 0)) }
        for pass in first[60...] { pass.end(.answered) }
        #expect(gate.opensAt == 2_000_000 && world.woken == 1)
        world.pass(0.999_999)
        #expect(gate.pass() == nil)
        world.pass(0.000_001)
        #expect(gate.opensAt == nil)
        let second = passes(gate)
        #expect(second.count == 50)
        // Again: one at a time, after twice the time each, up to a minute.
        second[0].end(.limited(wants: 0))
        for pass in second[1...] { pass.end(.other) }
        for seconds in [2.0, 4, 8, 16, 32, 60, 60] {
            world.pass(seconds - 0.001)
            #expect(gate.pass() == nil)
            world.pass(0.001)
            let one = passes(gate)
            #expect(one.count == 1)
            one[0].end(.limited(wants: 0))
        }
        // Each that is answered lets one more through.
        world.pass(60)
        for count in 1...5 {
            let some = passes(gate)
            #expect(some.count == count)
            some[0].end(.answered)
            for pass in some.dropFirst() { pass.end(.other) }
        }
        // The next wait is a short one.
        gate.pass()?.end(.limited(wants: 0))
        #expect(gate.opensAt == world.now.load(ordering: .relaxed) + 1_000_000)
    }

    @Test func aProviderIsLeftAloneForAsLongAsItWantsUpToAMinute() {
        let gate = gate()
        gate.pass()?.end(.limited(wants: 17_000_000))
        #expect(gate.opensAt == 18_000_000)
        world.pass(17)
        gate.pass()?.end(.limited(wants: 3_600_000_000))
        #expect(gate.opensAt == 78_000_000)
        world.pass(60)
        gate.pass()?.end(.limited(wants: .max))
        #expect(gate.opensAt == 138_000_000)
    }

    @Test func aThousandAnswersMakeItWideAgain() {
        let gate = gate()
        gate.pass()?.end(.limited(wants: 0))
        world.pass(1)
        for _ in 0..<1024 { gate.pass()?.end(.answered) }
        #expect(passes(gate, 5_000).count == 5_000)
    }
}
