import FermataCore
import FermataProtocol
import Testing

/// The words that models have been shown are shown again with every request: they never change.
@Suite struct MarkerTests {
    @Test func theWordsAreAsTheyWere() {
        let unknown =
            "[Whatever executed this call was lost before it could tell how the call ended. Its outcome is unknown: "
            + "it may have happened, in part or not at all. Check before you do it again.]"
        let killed = "the tool and all its processes were killed.]"
        let atWorker =
            "[Interrupted by the operator: the worker that executed the call was told to stop. "
            + "Its effects may have gone on.]"
        let words = [
            (Marker.cut, "[Your answer above was cut off here before it was complete.]"),
            (
                Marker.truncated,
                "[Your answer above was cut off here by the limit on its length. Go on exactly where it stopped.]"
            ),
            (
                Marker.truncatedAtOnce,
                "[Your answer was cut off by the limit on its length before it had any text. Answer again, and more briefly.]"
            ),
            (Marker.unknownOutcome, unknown), (Marker.unknownOutcome(outputSoFar: ""), unknown),
            (Marker.unknownOutcome(outputSoFar: "a"), "a\n" + unknown),
            (Marker.superseded, "[Not executed: superseded by a message from the operator.]"),
            (Marker.cancelled, "[Not executed: the run was stopped.]"),
            (Marker.denied, "[Not executed: the policy of this run forbids it.]"),
            (Marker.notApprovedInTime, "[Not executed: nobody approved it before the deadline.]"),
            (Marker.notAnsweredInTime, "Nobody answered before the deadline."),
            (Marker.rejected(""), "[Not executed: the operator rejected this call.]"),
            (Marker.rejected("No."), "[Not executed: the operator rejected this call.]\nNo."),
            (Marker.edited("{}"), "[The operator changed the arguments of this call. It was executed with: {}]"),
            (Marker.interruptedAtWorker(outputSoFar: "a\n"), "a\n" + atWorker),
            (
                Marker.interruptedInService(outputSoFar: "a"),
                "a\n[Interrupted by the operator: the tool was told to stop. Its effects may have gone on.]"
            ),
            (
                Marker.interruptedInService(outputSoFar: "", .byShutdown),
                "[Interrupted by a shutdown of the service: the tool was told to stop. Its effects may have gone on.]"
            ),
            (Marker.interrupted(outputSoFar: "a"), "a\n[Interrupted by the operator: " + killed),
            (Marker.interrupted(outputSoFar: "", .byShutdown), "[Interrupted by a shutdown of the service: " + killed),
        ]
        for (word, golden) in words { #expect(word == golden) }
    }
}
