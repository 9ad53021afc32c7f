import FermataCore
import FermataProtocol
import Testing

/// Which statuses can still come: what a wait for one of them hangs on. The simulation holds every run to it.
struct FutureTests {
    private let statuses = FermataStatus.allCases.filter { $0 != .unspecified }

    private func expect(_ run: Run, _ possible: [FermataStatus], _ comment: Comment) {
        #expect(statuses.filter(run.canStillBe) == possible, comment)
        #expect(statuses.filter(run.summary.canStillBe) == possible, comment)
        #expect(!run.canStillBe(.unspecified) && !run.canStillBe(.UNRECOGNIZED(99)))
    }

    @Test func aRunWithoutAMessageCanBeEverything() throws {
        var scenario = try Scenario()
        expect(scenario.run, statuses, "idle")
        try scenario.command(.pause())
        try scenario.send("first")
        expect(scenario.run, statuses, "paused with a message that may be withdrawn")
        try scenario.command(.withdraw(message: 1))
        try scenario.command(.resume(text: ""))
        #expect(scenario.run.status == .idle)
    }

    @Test func aRunThatHasBegunIsNeverIdleAgain() throws {
        let begun = statuses.filter { $0 != .idle }
        var scenario = try Scenario(task: "go")
        expect(scenario.run, begun, "running")
        try scenario.command(.pause())
        expect(scenario.run, begun, "pausing")
        try scenario.modelAnswers("", calls: [.ask("Which?")])
        expect(scenario.run, begun, "paused")
        try scenario.command(.resume(text: ""))
        expect(scenario.run, begun, "waiting")
        try scenario.command(.answer(ask: 1, text: "This."))
        try scenario.modelAnswers("Done.")
        expect(scenario.run, begun, "finished")
        try scenario.send("more")
        try scenario.modelFails()
        expect(scenario.run, begun, "failed")
    }

    @Test(arguments: [RunRequest.stop, .handOff]) func aRunThatHasEndedHereStaysSo(_ end: RunRequest) throws {
        var scenario = try Scenario()
        try scenario.command(end)
        expect(scenario.run, [.stopped], "before its first message")
        scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Done.")
        try scenario.command(end)
        expect(scenario.run, [.stopped], "after a turn")
    }
}
