import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// What servers of one API write otherwise, and what goes wrong with them, each by its name in scripts.
    @Suite(.timeLimit(.minutes(5))) struct ModelQuirkTests {
        private static let apis = ["chat", "messages", "responses"]
        private static let everywhere: [ScriptQuirk] = [
            .crlf, .noSpace, .comments, .noFinalBlankLine, .byteByByte, .padding, .unknownEvents, .abruptEnd,
            .litellm,
        ]
        private static let own: [String: [ScriptQuirk]] = [
            "chat": [
                .noDone, .usageWithFinish, .usageEveryChunk, .usageInChoice, .finishTwice, .emptyFinish, .finishStop,
                .indexZero, .noIndex, .noIDs, .emptyNames, .roleEveryChunk, .reasoningField, .contentParts,
                .argumentsObject, .emptyFirstChunk,
            ],
            "messages": [.noEventLines, .pings, .startTwice], "responses": [.doneMark, .obfuscation],
        ]

        private func run(
            _ api: String, _ script: String, _ body: (Service, MockModel) async throws -> Void
        ) async throws {
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"))
            let text = """
                providers:
                - name: box
                  base-url: \(model.baseURL)
                  api: \(api)
                """
            try await Service.withSettings(text) { _, file in
                try await Service.run(arguments: ["--config", file]) { service in try await body(service, model) }
            }
            await model.stop()
        }

        /// Each alone, and all of them that go together: the answer is the same, and so is its usage.
        @Test(arguments: apis) func theAnswerIsTheSame(_ api: String) async throws {
            let own = Self.own[api] ?? []
            var sets = (Self.everywhere + own).map { [$0] }
            sets.append(Self.everywhere + own.filter { ![.noIndex, .noDone, .finishTwice].contains($0) })
            // Whoever adds one tells here whose it is.
            #expect(Set(Self.everywhere + Self.own.values.joined()) == Set(ScriptQuirk.allCases))
            let turns = sets.enumerated().map { number, set in
                let names = set.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
                return #"""
                    {"match": "user: task\#(number):", "reasoning": "Why nöt. ", "text": "I lo\u00f6k 😀.", "quirks": [\#(names)],
                     "usage": {"prompt_tokens": 120, "completion_tokens": 30, "cached_tokens": 20},
                     "tool_calls": [{"name": "terminal", "arguments": {"command": "echo öne"}},
                       {"name": "terminal", "arguments": {"command": "echo two"}}]}
                    """#
            }
            let end = #"{"match": "tool: ", "text": "Done.", "usage": {"prompt_tokens": 7, "completion_tokens": 1}}"#
            try await run(api, "[\(turns.joined(separator: ",\n")), \(end)]") { service, model in
                for (number, set) in sets.enumerated() {
                    let run = try await service.launch("task\(number):") {
                        $0.model = "box/m"
                        $0.modelAttempts = 1
                    }
                    let summary = try await service.wait(run, .finished, .failed)
                    #expect(summary.lastMessage == "Done.", "\(set): \(summary.failure.message)")
                    let events = try await service.events(run)
                    let answer = try #require(
                        events.compactMap { $0.modelAnswered.step == 1 ? $0.modelAnswered : nil }.first)
                    #expect(answer.text == "I lo\u{f6}k 😀.", "\(set)")
                    #expect(answer.blocks.map(\.reasoning).joined() == "Why nöt. ", "\(set)")
                    let arguments = answer.calls.map { $0.arguments.replacing(" ", with: "") }
                    #expect(arguments == [#"{"command":"echoöne"}"#, #"{"command":"echotwo"}"#], "\(set)")
                    #expect(
                        answer.usage.inputTokens == 120 && answer.usage.outputTokens == 30, "\(set): \(answer.usage)")
                    #expect(answer.usage.cachedInputTokens == 20, "\(set)")
                    let outputs = events.compactMap { $0.callEnded.number > 0 ? $0.callEnded.output : nil }
                    #expect(
                        outputs.count == 2 && outputs[0].contains("öne") && outputs[1].contains("two"),
                        "\(set): \(outputs)")
                }
                // It was sent once and taken back as it was: no request was refused.
                #expect(model.log.entries().allSatisfy { $0.status == 200 })
                #expect(model.log.entries().count == 2 * sets.count)
            }
        }

        // MARK: - The table of faults: what × API × when

        struct Moment: Sendable {
            let name: String
            /// Tokens: of two words of reasoning, two of text, then a call's beginning and its arguments.
            let tokens: Int
        }

        static let moments = [
            Moment(name: "before the first byte", tokens: 0), Moment(name: "in reasoning", tokens: 1),
            Moment(name: "in text", tokens: 3), Moment(name: "in a call's arguments", tokens: 6),
        ]

        struct Fault: Sendable {
            let json: @Sendable (Int) -> String
            let kind: String
            let isRetried: Bool

            init(_ kind: String, retried: Bool = true, _ json: @escaping @Sendable (Int) -> String) {
                self.json = json
                self.kind = kind
                isRetried = retried
            }
        }

        static let faults: [String: Fault] = [
            "disconnect": Fault("BROKEN_STREAM") { #"{"disconnect_after_tokens": \#($0)}"# },
            "end": Fault("BROKEN_STREAM") { #"{"end_after_tokens": \#($0)}"# },
            "malformed": Fault("BAD_RESPONSE") { #"{"malformed_chunk_after_tokens": \#($0)}"# },
            "overloaded": Fault("") {
                #"{"error_after_tokens": \#($0), "error_status": 529, "code": "overloaded_error", "message": "Overloaded"}"#
            },
            "quota": Fault("QUOTA_EXCEEDED", retried: false) {
                #"{"error_after_tokens": \#($0), "error_status": 429, "code": "insufficient_quota", "message": "You exceeded your current quota"}"#
            },
            "status": Fault("HTTP_STATUS") { _ in #"{"status": 503}"# },
        ]

        /// Of each: how often the model is asked, how long it is waited, what becomes of the run, what is kept, and that
        /// the next request is the one before, word for word: nothing of what had come is shown, no call has run.
        @Test(arguments: apis, faults.keys.sorted())
        func whatGoesWrongIsAsTheTableSays(_ api: String, _ name: String) async throws {
            let fault = try #require(Self.faults[name])
            let turns = Self.moments.map { moment in
                #"""
                {"match": "user: \#(moment.name):", "reasoning": "So so ", "text": "It is ", "times": 1,
                 "tool_calls": [{"name": "terminal", "arguments": {"command": "echo never"}}],
                 "fault": \#(fault.json(moment.tokens))},
                {"match": "user: \#(moment.name):", "text": "Done."}
                """#
            }
            try await run(api, "[\(turns.joined(separator: ",\n"))]") { service, model in
                for moment in Self.moments where name != "status" || moment.tokens == 0 {
                    let before = model.log.entries().count
                    let run = try await service.launch("\(moment.name):") {
                        $0.model = "box/m"
                        $0.modelAttempts = 3
                    }
                    let summary = try await service.wait(run, .finished, .failed)
                    let place = "\(name), \(api), \(moment.name)"
                    #expect(summary.status == (fault.isRetried ? .finished : .failed), "\(place): \(summary.failure)")
                    let events = try await service.events(run)
                    let failed = events.compactMap { $0.modelFailed.step > 0 ? $0.modelFailed : nil }
                    #expect(failed.count == 1, "\(place)")
                    #expect(fault.kind.isEmpty || failed.first?.failure.kind == fault.kind, "\(place): \(failed)")
                    #expect(failed.first?.failure.retryable == fault.isRetried, "\(place)")
                    // What had come is kept, as far as it was text: half a call is nothing.
                    if moment.tokens > 2 { #expect(failed.first?.text.hasPrefix("It ") == true, "\(place): \(failed)") }
                    #expect(!events.contains { $0.callStarted.number > 0 }, "\(place)")
                    if fault.isRetried {
                        let wait =
                            try #require(failed.first).nextAttemptAt - events.first { $0.modelFailed.step > 0 }!.at
                        #expect((500_000...1_000_000).contains(wait), "\(place): \(wait)")
                    }
                    let asked = model.log.entries().dropFirst(before)
                    #expect(asked.count == (fault.isRetried ? 2 : 1), "\(place)")
                    #expect(Set(asked.map { $0.body ?? [] }).count == 1, "\(place)")
                }
            }
        }
    }
}
