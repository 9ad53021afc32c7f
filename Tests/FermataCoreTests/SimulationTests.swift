import Glibc
import Testing

/// Random commands, answers, failures, crashes and shutdowns against a run, with the promises checked after every
/// input.
///
/// `FERMATA_SIMULATIONS` is how many seeds are played; `FERMATA_SEED` plays that one and prints what happened.
@Suite struct SimulationTests {
    static let workers: UInt64 = 2

    @Test(.timeLimit(.minutes(30)), arguments: 0..<workers)
    func thePromisesHold(worker: UInt64) {
        if let only = number("FERMATA_SEED") {
            if worker == 0 { play(only, isVerbose: true) }
            return
        }
        let count = number("FERMATA_SIMULATIONS") ?? 2000
        var failures = 0
        for seed in stride(from: worker, to: count, by: Int(SimulationTests.workers)) where failures < 3 {
            if !play(seed, isVerbose: false) { failures += 1 }
        }
    }

    /// A simulation that no longer goes everywhere proves nothing: every kind of event, and every command in every
    /// status.
    @Test func itGoesEverywhere() throws {
        var missing: Set<String> = [
            "launched", "messageQueued", "messageWithdrawn", "modelCalled", "modelAnswered", "modelCut", "modelFailed",
            "callStarted", "callEnded", "callGone", "callLost", "askOpened", "askAnswered", "askClosed", "held",
            "holdLifted", "retried", "stopped", "callEdited", "policySet", "limitsSet", "modelSet", "holdAtSet",
            "handedOff", "imported", "forked",
        ]
        for status in ["idle", "running", "pausing", "paused", "waiting", "finished", "failed", "stopped"] {
            for command in [
                "send", "send now", "withdraw", "pause", "interrupt", "resume", "resume with a message", "stop",
                "answer", "decide call", "set policy", "set budget", "hand off", "start call", "complete call",
            ] {
                missing.insert("\(command) \(status)")
            }
        }
        // A run without a message has no call that a worker could think it has.
        missing.remove("complete call idle")
        for seed in 0..<4000 as Range<UInt64> where !missing.isEmpty {
            var simulation = Simulation(seed: seed, isTraced: true)
            try simulation.play(inputs: 60)
            missing.subtract(simulation.seen)
        }
        #expect(missing.isEmpty)
    }

    @discardableResult
    private func play(_ seed: UInt64, isVerbose: Bool) -> Bool {
        var simulation = Simulation(seed: seed, isTraced: isVerbose)
        do {
            try simulation.play(inputs: 60)
            if isVerbose { print(simulation.trace.joined(separator: "\n")) }
            return true
        } catch {
            // The same seed plays the same again, this time with notes.
            var again = Simulation(seed: seed, isTraced: true)
            try? again.play(inputs: 60)
            let trace = isVerbose ? again.trace[...] : again.trace.suffix(40)
            Issue.record("seed \(seed): \(error)\n\(trace.joined(separator: "\n"))")
            return false
        }
    }

    private func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
}
