import FermataProtocol
import MockModel
import Testing

extension OneServerAtATime {
    /// Anything that is wrong with a model call is a typed failure, and `resume` tries the step again.
    @Suite(.timeLimit(.minutes(2))) struct FaultTests {
        struct Fault: Sendable, CustomTestStringConvertible {
            let json: String
            let kind: String
            let httpStatus: UInt32
            let isRetryable: Bool

            init(_ json: String, _ kind: String, _ httpStatus: UInt32 = 0, retryable: Bool = true) {
                self.json = json
                self.kind = kind
                self.httpStatus = httpStatus
                isRetryable = retryable
            }

            var testDescription: String { json }
        }

        @Test(arguments: [
            Fault(#"{"status": 500}"#, "HTTP_STATUS", 500),
            Fault(#"{"status": 503, "body": "<html>Sorry</html>"}"#, "HTTP_STATUS", 503),
            Fault(#"{"status": 400}"#, "HTTP_STATUS", 400, retryable: false),
            Fault(#"{"status": 401}"#, "AUTHENTICATION", 401, retryable: false),
            Fault(#"{"status": 429, "retry_after": 7}"#, "RATE_LIMITED", 429),
            Fault(#"{"malformed_chunk_after_tokens": 2}"#, "BAD_RESPONSE"),
            Fault(#"{"disconnect_after_tokens": 0}"#, "BROKEN_STREAM"),
            Fault(#"{"disconnect_after_tokens": 2}"#, "BROKEN_STREAM"),
        ])
        func failsTheRunAndResumeTriesAgain(_ fault: Fault) async throws {
            let script = #"[{"text": "One two three four.", "fault": \#(fault.json)}, {"text": "Done."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                let failed = try await service.wait(run, .failed)
                #expect(failed.failure.kind == fault.kind)
                #expect(failed.failure.httpStatus == fault.httpStatus)
                #expect(failed.failure.retryable == fault.isRetryable)
                #expect(!failed.failure.message.isEmpty)
                if fault.httpStatus == 429 { #expect(failed.failure.retryAfterMs == 7000) }

                let resumed = try await service.resume(run)
                #expect(resumed.run.status == .running)
                #expect(!resumed.run.hasFailure)
                let finished = try await service.wait(run, .finished)
                #expect(finished.lastMessage == "Done.")
                #expect(finished.step == 1)
                #expect(finished.usage.modelCalls == 2)
                // What had come of the answer that failed, the model is not shown.
                #expect(try model.log.shown(2) == ["user: go"])
            }
        }

        @Test func anAttemptIsMadeAgainByItselfIfMoreAreAllowed() async throws {
            let script = #"""
                [
                  {"fault": {"status": 503}},
                  {"text": "One two three.", "fault": {"disconnect_after_tokens": 1}},
                  {"text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch { $0.modelAttempts = 3 }
                #expect(try await service.wait(run, .finished, .failed).lastMessage == "Done.")
                let events = try await service.events(run)
                let failures = events.filter { $0.kindName == "modelFailed" }
                #expect(failures.map(\.modelFailed.attempt) == [1, 2])
                #expect(failures.allSatisfy { $0.modelFailed.nextAttemptAt > $0.at })
                // No attempt comes before its time.
                let calls = events.filter { $0.kindName == "modelCalled" }
                #expect(calls.map(\.modelCalled.attempt) == [1, 2, 3])
                #expect(calls.map(\.modelCalled.step) == [1, 1, 1])
                for (failure, next) in zip(failures, calls.dropFirst()) {
                    #expect(next.at >= failure.modelFailed.nextAttemptAt)
                }
                #expect(model.log.entries().count == 3)
            }
        }

        @Test func theLastAttemptFailsTheRun() async throws {
            let script = #"[{"fault": {"status": 503}, "repeat": true}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch { $0.modelAttempts = 2 }
                try await service.wait(run, .failed)
                #expect(model.log.entries().count == 2)
            }
        }

        @Test func whatCannotSucceedIsNotTriedAgain() async throws {
            let script = #"[{"fault": {"status": 400}}, {"text": "Done."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch { $0.modelAttempts = 5 }
                try await service.wait(run, .failed)
                #expect(model.log.entries().count == 1)
            }
        }

        @Test func aServerThatIsNotThereIsAFailureToConnect() async throws {
            let environment = [
                "LLM_MODEL": "openai/mock", "LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_API_KEY": "test-key-1",
            ]
            try await Service.run(environment: environment) { service in
                let run = try await service.launch()
                let failed = try await service.wait(run, .failed)
                #expect(failed.failure.kind == "CONNECT")
                #expect(failed.failure.retryable)
            }
        }

        /// An hour is asked for: the test would run out of time if the wait did not end.
        @Test(arguments: ["pause", "interrupt", "message"])
        func aWaitBetweenAttemptsEnds(_ command: String) async throws {
            // Not of a limited rate, for which all calls of the provider would wait.
            let script = #"[{"fault": {"status": 503, "retry_after": 3600}}, {"text": "Done."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch {
                    $0.modelAttempts = 3
                    $0.patienceMs = 7_200_000
                }
                try await service.event(run) { if case .modelFailed = $0 { true } else { false } }
                let waiting = try await service.summary(run)
                #expect(waiting.status == .running)
                #expect(waiting.nextAttemptAt > waiting.updatedAt + 3_000_000_000)

                if command == "message" {
                    #expect(try await service.send(run, "Try again.", .now).run.status == .running)
                } else {
                    let reply = try await command == "pause" ? service.pause(run) : service.interrupt(run)
                    #expect(reply.run.status == .paused)
                    #expect(reply.run.nextAttemptAt == 0)
                    #expect(model.log.entries().count == 1)
                    #expect(try await service.resume(run).run.status == .running)
                }
                try await service.wait(run, .finished)
                #expect(model.log.entries().count == 2)
            }
        }

        @Test func aFailureUnderAHoldShowsWhenItLifts() async throws {
            let script = #"[{"fault": {"disconnect_after_tokens": 2}, "text": "One two three.", "gate": "fail"}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                await model.gates.awaited("fail")
                try await service.pause(run)
                model.gates.open("fail")
                #expect(try await service.wait(run, .paused).failure.kind == "BROKEN_STREAM")
                #expect(try await service.resume(run).run.status == .failed)
            }
        }
    }
}
