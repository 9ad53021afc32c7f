import FermataClient
import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct AskTests {
        static let script = #"""
            [
              {"tool_calls": [
                {"name": "ask_human", "arguments": {"question": "Which?", "context": "There are two."}},
                {"name": "ask_human", "arguments": {"question": "When?"}}
              ]},
              {"text": "Done."}
            ]
            """#

        /// A race: two people answer at once.
        @Test func isAnsweredOnce() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]}, {"text": "Done."}]
                """#
            try await Service.run(script: script) { service, model in
                for round in 1...20 {
                    let run = try await service.launch()
                    try await service.wait(run, .waiting)
                    async let one = isAccepted("This one.", run, service)
                    async let other = isAccepted("That one.", run, service)
                    let (first, second) = try await (one, other)
                    try #require(first != second)
                    try await service.wait(run, .finished)
                    let answers = try await service.events(run).filter { $0.kindName == "askAnswered" }
                    #expect(answers.map(\.askAnswered.text) == [first ? "This one." : "That one."])
                    #expect(try model.log.shown(2 * round).last == (first ? "tool: This one." : "tool: That one."))
                }
            }
        }

        /// Whether this answer to ask 1 is the one that counts; if not, it was answered already.
        private func isAccepted(_ text: String, _ run: String, _ service: Service) async throws -> Bool {
            do {
                return try await service.answer(run, 1, text).changed
            } catch ClientError.refused(let error) {
                #expect(error.code == ErrorCode.alreadyAnswered.name)
                return false
            }
        }

        @Test func inboxListsWhatIsOpen() async throws {
            try await Service.run(script: AskTests.script) { service, _ in
                func asks(_ run: String = "") async throws -> [FermataAsk] {
                    try await service.client.send(FermataListAsks.with { $0.run = run }).asks
                }
                let one = try await service.launch()
                try await service.wait(one, .waiting)
                let other = try await service.launch()
                try await service.wait(other, .waiting)

                let open = try await asks(one)
                #expect(open.map(\.number) == [1, 2])
                #expect(open.map(\.run) == [one, one])
                #expect(open.map(\.question) == ["Which?", "When?"])
                #expect(open.map(\.context) == ["There are two.", ""])
                #expect(open.map(\.kind) == [.question, .question])
                #expect(open.map(\.call) == [1, 2])
                #expect(try await asks().map(\.run) == [one, one, other, other])

                try await service.answer(one, 1, "This one.")
                #expect(try await asks(one).map(\.number) == [2])
                try await service.stop(one)
                #expect(try await asks().map(\.run) == [other, other])
            }
        }

        @Test func severalAreAnsweredInAnyOrder() async throws {
            try await Service.run(script: AskTests.script) { service, model in
                let run = try await service.launch()
                #expect(try await service.wait(run, .waiting).openAsks == [1, 2])
                let reply = try await service.answer(run, 2, "Now.")
                #expect(reply.run.status == .waiting)
                #expect(reply.run.openAsks == [1])
                try await service.refused(.alreadyAnswered) { try await service.answer(run, 2, "Later.") }
                try await service.answer(run, 1, "This one.")
                try await service.wait(run, .finished)
                #expect(
                    try model.log.shown(2)
                        == ["user: go", "assistant:  [ask_human ask_human]", "tool: This one.", "tool: Now."])
                // The answer's status is known, and yet who lost the race hears that.
                try await service.refused(.alreadyAnswered) { try await service.answer(run, 1, "That one.") }
            }
        }

        @Test func anAnswerUnderAHoldTakesEffectWhenItIsLifted() async throws {
            try await Service.run(script: AskTests.script) { service, model in
                let run = try await service.launch()
                try await service.wait(run, .waiting)
                #expect(try await service.pause(run).run.status == .paused)
                #expect(try await service.answer(run, 1, "This one.").run.status == .paused)
                #expect(try await service.answer(run, 2, "Now.").run.status == .paused)
                #expect(model.log.entries().count == 1)
                #expect(try await service.resume(run).run.status == .running)
                try await service.wait(run, .finished)
                #expect(try model.log.shown(2).suffix(2) == ["tool: This one.", "tool: Now."])
            }
        }

        @Test func anInterruptLeavesItOpen() async throws {
            try await Service.run(script: AskTests.script) { service, _ in
                let run = try await service.launch()
                try await service.wait(run, .waiting)
                #expect(try await service.interrupt(run).run.openAsks == [1, 2])
                #expect(try await service.resume(run).run.status == .waiting)
            }
        }

        @Test func refusals() async throws {
            try await Service.run(script: AskTests.script) { service, _ in
                let run = try await service.launch()
                let waiting = try await service.wait(run, .waiting)
                try await service.refused(.noSuchAsk) { try await service.answer(run, 3, "This one.") }
                try await service.refused(.noSuchAsk) { try await service.answer(run, 0, "This one.") }
                try await service.refused(.invalidAnswer) { try await service.answer(run, 1, "") }
                try await service.refused(.stale) {
                    _ = try await service.client.send(
                        FermataAnswer.with {
                            $0.run = run
                            $0.ask = 1
                            $0.text = "This one."
                            $0.ifSeq = waiting.lastSeq - 1
                        })
                }
                #expect(try await service.summary(run) == waiting)
                try await service.stop(run)
                try await service.refused(.askClosed) { try await service.answer(run, 1, "This one.") }
            }
        }
    }
}
