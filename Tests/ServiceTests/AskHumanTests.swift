import FermataClient
import FermataProtocol
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// What a model can say of its question, and what is taken for an answer.
    @Suite(.timeLimit(.minutes(2))) struct AskHumanTests {
        @Test func aQuestionHasAnUrgencyAndAFormat() async throws {
            let script = #"""
                [
                  {"tool_calls": [
                    {"name": "ask_human", "arguments": {"question": "Why?"}},
                    {"name": "ask_human", "arguments": {"question": "May I?", "format": "yes_no", "urgency": "critical"}},
                    {"name": "ask_human", "arguments": {"question": "Which?", "choices": ["a", "é"], "urgency": "low"}},
                    {"name": "ask_human", "arguments": {"question": "How much?", "format": "json", "urgency": "high",
                      "schema": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}}}
                  ]},
                  {"text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch()
                try await service.wait(run, .waiting)
                let asks = try await service.client.send(FermataListAsks.with { $0.run = run }).asks
                #expect(asks.map(\.urgency) == [.normal, .critical, .low, .high])
                #expect(asks.map(\.format.form) == [.freeText, .yesNo, .choice, .json])
                #expect(asks[2].format.choices == ["a", "é"])
                for (ask, wrong, right) in [
                    (1, [""], "because"),
                    (2, ["Yes", "secret", "yes ", "true"], "yes"),
                    (3, ["b", "e\u{301}", "A", "secret"], "é"),
                    (
                        4, ["secret", "{}", #"{"amount": "500"}"#, #"{"amount": 1, "amount": 2}"#, "500"],
                        #"{"amount": 500}"#
                    ),
                ] as [(UInt32, ArraySlice<String>, String)] {
                    for text in wrong {
                        do {
                            try await service.answer(run, ask, text)
                            Issue.record("ask \(ask) took \(text)")
                        } catch ClientError.refused(let error) {
                            let expected: Set = [ErrorCode.invalidAnswer.name, ErrorCode.invalidArgument.name]
                            #expect(expected.contains(error.code) && !error.message.contains("secret"), "\(error)")
                        }
                    }
                    #expect(try await service.summary(run).openAsks.contains(ask))
                    try await service.answer(run, ask, right)
                }
                try await service.wait(run, .finished)
                let shown = try model.log.shown(2).suffix(4)
                #expect(shown == ["tool: because", "tool: yes", "tool: é", #"tool: {"amount": 500}"#])
            }
        }

        /// The model is told what is wrong with its question, and nobody is asked.
        @Test(arguments: [
            #"{"question": "?", "format": "choice"}"#, #"{"question": "?", "format": "choice", "choices": ["a", "a"]}"#,
            #"{"question": "?", "format": "yes_no", "choices": ["a"]}"#, #"{"question": "?", "urgency": "asap"}"#,
            #"{"question": "?", "schema": {"pattern": 5}}"#, #"{"question": "?", "format": "json", "schema": []}"#,
            #"{"question": ""}"#, #"{"question": "?", "deadline": 5}"#,
        ])
        func whatIsNoQuestionIsNotAsked(_ arguments: String) async throws {
            let script = #"[{"tool_calls": [{"name": "ask_human", "arguments": \#(arguments)}]}, {"text": "Done."}]"#
            try await Service.run(script: script) { service, _ in
                let run = try await service.launch()
                try await service.wait(run, .finished)
                let events = try await service.events(run)
                #expect(events.compactMap { $0.callEndedValue?.outcome } == [.callFailed])
                #expect(!events.contains { $0.kindName == "askOpened" })
            }
        }
    }
}
