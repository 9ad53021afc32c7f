import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

/// A new run of the beginning of another one's journal.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(3))) struct ForkTests {
        /// Asks, then acts, then ends; says another thing to another message.
        static let script = #"""
            [
              {"match": "user: go", "tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
              {"match": "tool: act", "text": "I act.",
               "tool_calls": [{"name": "terminal", "arguments": {"command": "echo one"}}]},
              {"match": "tool: one", "text": "Done."},
              {"match": "user: fail", "fault": {"status": 400}},
              {"match": "user: hello", "text": "Hello."},
              {"match": "", "text": "Otherwise."}
            ]
            """#

        @Test func isACopyOnHoldAndTheSourceIsNotTouched() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("hello") {
                    $0.labels = [.with { ($0.key, $0.value) = ("team", "blue") }]
                }
                let source = try await service.wait(run, .finished)
                let fork = try await service.fork(run).run
                #expect(fork.id != run && fork.source == run)
                #expect(fork.status == .paused && fork.hold.cause == .forked)
                #expect(fork.labels == source.labels && fork.workspace == source.workspace)
                #expect(fork.lastMessage.isEmpty && fork.inherited == source.usage)
                let (here, there) = (try await service.events(fork.id), try await service.events(run))
                #expect(here.prefix(there.count).map(\.kind) == there.map(\.kind))
                #expect(here.prefix(there.count).map(\.at) == there.map(\.at))
                #expect(here.map(\.seq) == Array(1...UInt64(here.count)))
                #expect(here.dropFirst(there.count).map(\.kindName) == ["forked", "held"])
                #expect(try await service.resume(fork.id).run.status == .finished)
                #expect(try await service.summary(run) == source)
                // Newest first: it was made after its source.
                #expect(try await service.client.send(FermataListRuns()).runs.map(\.id) == [fork.id, run])
                let all = try await service.everyEvent()
                #expect(all.map(\.offset) == Array(1...UInt64(all.count)))
                try await service.check()
            }
        }

        @Test func aRepeatedCommandMakesOneFork() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("hello")
                try await service.wait(run, .finished)
                let id = UUID().uuidString
                let first = try await service.fork(run) { $0.requestID = id }
                service.kill()
                try await service.start()
                #expect(try await service.fork(run) { $0.requestID = id } == first)
                #expect(try await service.client.send(FermataListRuns()).runs.count == 2)
            }
        }

        @Test func isCutWhereNothingIsInFlight() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                try await service.answer(run, 1, "act")
                try await service.wait(run, .finished)
                let events = try await service.events(run)
                var copies = 0
                for event in events {
                    // An answer and the result that it is are one decision.
                    if ["modelCalled", "callStarted", "askAnswered"].contains(event.kindName) {
                        let error = try await refusal(run, at: event.seq, service)
                        #expect(error.code == ErrorCode.invalidCut.name)
                        #expect(error.details.map(\.key) == ["after", "before"])
                        // The named ones are possible.
                        for detail in error.details {
                            let near = try await service.fork(run) { $0.at = UInt64(detail.value) ?? 0 }
                            try await service.stop(near.run.id)
                        }
                    } else {
                        let fork = try await service.fork(run) { $0.at = event.seq }.run
                        copies += 1
                        let copy = try await service.events(fork.id).prefix(Int(event.seq))
                        #expect(copy.map(\.kind) == events.prefix(Int(event.seq)).map(\.kind))
                        try await service.stop(fork.id)
                    }
                }
                #expect(copies > 5)
                try await service.refused(.invalidCut) { try await service.fork(run) { $0.at = 1000 } }
                try await service.check()
            }
        }

        private func refusal(_ run: String, at seq: UInt64, _ service: Service) async throws -> FermataError {
            do {
                _ = try await service.fork(run) { $0.at = seq }
                return FermataError()
            } catch {
                guard case ClientError.refused(let refusal) = error else { throw error }
                return refusal
            }
        }

        /// The default is the last cut before what ended it.
        @Test func ofAStoppedAndOfAHandedOffRun() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                try await service.stop(run)
                let fork = try await service.fork(run) { $0.start = true }.run
                #expect(fork.status == .waiting && fork.openAsks == [1])
                try await service.answer(fork.id, 1, "act")
                try await service.wait(fork.id, .finished)
                #expect(try await service.summary(run).status == .stopped)

                let moved = try await service.launch("go")
                try await service.wait(moved, .waiting)
                _ = try await service.export(moved, handoff: true)
                let copy = try await service.fork(moved).run
                #expect(copy.status == .paused && copy.openAsks == [1])
                let asks = try await service.client.send(FermataListAsks.with { $0.tokens = true }).asks
                #expect(asks.map(\.run) == [copy.id])
                try await service.check()
            }
        }

        @Test func ofAFailedRun() async throws {
            try await Service.run(script: ForkTests.script) { service, model in
                let run = try await service.launch("fail")
                try await service.wait(run, .failed)
                let fork = try await service.fork(run).run
                #expect(fork.status == .paused)
                #expect(try await service.resume(fork.id).run.status == .failed)
                // For the model it is another conversation, whose first answer fails as well.
                #expect(try await service.resume(fork.id).run.status == .running)
                try await service.wait(fork.id, .failed)
                try await service.resume(fork.id)
                #expect(try await service.wait(fork.id, .finished).lastMessage == "Otherwise.")
                #expect(try await service.summary(run).status == .failed)
            }
        }

        @Test func withAnotherMessageInPlaceOfOne() async throws {
            try await Service.run(script: ForkTests.script) { service, model in
                let run = try await service.launch("something")
                try await service.wait(run, .finished)
                try await service.send(run, "more")
                try await service.wait(run, .finished)
                let first = try await service.fork(run) {
                    $0.message = 1
                    $0.text = "hello"
                    $0.start = true
                }
                #expect(first.message == 1 && first.run.status == .running)
                #expect(try await service.wait(first.run.id, .finished).lastMessage == "Hello.")
                let second = try await service.fork(run) {
                    $0.message = 2
                    $0.text = "hello"
                }
                #expect(second.message == 2 && second.run.status == .paused)
                try await service.resume(second.run.id)
                try await service.wait(second.run.id, .finished)
                let entry = try #require(model.log.entries().last)
                #expect(
                    try model.log.shown(entry.number) == ["user: something", "assistant: Otherwise.", "user: hello"])
            }
        }

        @Test func withOtherArgumentsOfACall() async throws {
            try await Service.run(script: ForkTests.script) { service, model in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                try await service.answer(run, 1, "act")
                try await service.wait(run, .finished)
                let fork = try await service.fork(run) {
                    $0.call = 2
                    $0.arguments = #"{"command": "echo two"}"#
                    $0.start = true
                }.run
                try await service.wait(fork.id, .finished)
                // With a note that the arguments are not the model's own.
                let entry = try #require(model.log.entries().last)
                #expect(try model.log.shown(entry.number).last?.contains("two") == true)
                let kinds = try await service.events(fork.id).map(\.kindName)
                #expect(kinds.contains("callEdited"))
                try await service.refused(.noSuchCall) {
                    try await service.fork(run) {
                        $0.call = 9
                        $0.arguments = "{}"
                    }
                }
                try await service.refused(.invalidArgument) {
                    try await service.fork(run) {
                        $0.call = 2
                        $0.arguments = #"{"order": 66}"#
                    }
                }
                #expect(try await service.client.send(FermataListRuns()).runs.count == 2)
                try await service.check()
            }
        }

        /// Nothing that was approved for one is approved for the other.
        @Test func ofARunThatWaitsForApprovalWaitsForItsOwn() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("go") {
                    $0.policy.tools = [
                        .with {
                            $0.tool = "terminal"
                            $0.gate = .ask
                        }
                    ]
                }
                try await service.wait(run, .waiting)
                try await service.answer(run, 1, "act")
                let waiting = try await service.wait(run, .waiting)
                #expect(waiting.openAsks == [2])
                let forks = [
                    try await service.fork(run).run.id, try await service.fork(run) { $0.start = true }.run.id,
                ]
                let asks = try await service.client.send(FermataListAsks.with { $0.tokens = true }).asks
                #expect(Set(asks.map(\.run)) == Set(forks + [run]))
                #expect(Set(asks.map(\.token)).count == 3)
                try await approve(run, asks, service)
                try await service.wait(run, .finished)
                try await service.resume(forks[0])
                for fork in forks {
                    #expect(try await service.summary(fork).status == .waiting)
                    #expect(try await service.events(fork).allSatisfy { $0.kindName != "callStarted" })
                    try await approve(fork, asks, service)
                    #expect(try await service.wait(fork, .finished).lastMessage == "Done.")
                }
            }
        }

        private func approve(_ run: String, _ asks: [FermataAsk], _ service: Service) async throws {
            let ask = try #require(asks.first { $0.run == run })
            _ = try await service.client.send(
                FermataAnswer.with {
                    $0.token = ask.token
                    $0.verdict = .approve
                })
        }

        private static func wrong(_ run: String, _ last: UInt64) -> [(ErrorCode, FermataFork)] {
            func fork(_ change: (inout FermataFork) -> Void) -> FermataFork {
                var fork = FermataFork.with { $0.run = run }
                change(&fork)
                return fork
            }
            return [
                (.stale, fork { $0.ifSeq = last - 1 }),
                (.noSuchRun, fork { $0.run = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4" }),
                (.noSuchMessage, fork { ($0.message, $0.text) = (9, "x") }),
                (.invalidArgument, fork { $0.message = 1 }),
                (.invalidArgument, fork { ($0.message, $0.text, $0.at) = (1, "x", 1) }),
                (.invalidArgument, fork { $0.call = 1 }),
                (.invalidArgument, fork { $0.arguments = "{}" }),
                (.invalidArgument, fork { $0.workspace = "/nowhere" }),
            ]
        }

        @Test func refusals() async throws {
            try await Service.run(script: ForkTests.script) { service, _ in
                let run = try await service.launch("hello")
                let last = try await service.wait(run, .finished).lastSeq
                for (code, command) in ForkTests.wrong(run, last) {
                    try await service.refused(code) { _ = try await service.client.send(command) }
                }
                #expect(try await service.fork(run) { $0.ifSeq = last }.changed)
                #expect(try await service.client.send(FermataListRuns()).runs.count == 2)
            }
        }
    }
}
