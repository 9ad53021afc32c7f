import FermataClient
import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// A model that shows its reasoning: it streams as what it is, is journaled, and is no part of the answer's text.
    @Suite(.timeLimit(.minutes(2))) struct ReasoningTests {
        private static let words = (1...4_000).map { "why\($0)" }.joined(separator: " ")
        private static let script = #"""
            [
              {"match": "user: settle", "text": "Settled."},
              {"match": "user: think", "reasoning": "It is late. ", "text": "Good night.", "tokens_per_second": 500},
              {"match": "user: call", "reasoning": "Where?", "tool_calls": [{"name": "terminal",
                "arguments": {"command": "true"}, "extra_content": {"google": {"thought_signature": "A/b="}}}]},
              {"match": "user: ponder", "reasoning": "\#(words)", "text": "So.", "tokens_per_second": 2000},
              {"match": "", "text": "Done."}
            ]
            """#

        @Test func itStreamsAndIsJournaled() async throws {
            try await Service.run(script: Self.script) { service, _ in
                try await Published.of(service) { published in
                    let run = try await service.launch("think")
                    let summary = try await service.wait(run, .finished)
                    #expect(summary.lastMessage == "Good night.")
                    let event = try await service.event(run) { if case .modelAnswered = $0 { true } else { false } }
                    #expect(event.modelAnswered.text == "Good night.")
                    #expect(
                        event.modelAnswered.blocks == [.with { $0.reasoning = "It is late. " }, .with { $0.text = 11 }])
                    #expect(event.modelAnswered.origin.api == "chat" && event.modelAnswered.origin.model == "mock")
                    try await published.settle(service)
                    #expect(
                        published.pieces(run) == [
                            .init(content: .reasoning, text: "It is late. "),
                            .init(content: .text, text: "Good night."),
                        ])
                    // As a person reads it.
                    let (_, history, _) = try await service.cli("history", run)
                    #expect(history.contains("    [reasoning] It is late. \n    Good night."), "\(history)")
                }
            }
        }

        /// What was published of it is a prefix of what is journaled, and the model is not shown it.
        @Test func itIsCut() async throws {
            try await Service.run(script: Self.script) { service, model in
                try await Published.of(service) { published in
                    let run = try await service.launch("ponder")
                    while published.pieces(run).isEmpty { await Task.yield() }
                    try await service.interrupt(run)
                    let cut = try await service.event(run) { if case .modelCut = $0 { true } else { false } }.modelCut
                    try await published.settle(service)
                    let shown = published.pieces(run)
                    #expect(shown.count == 1 && shown[0].content == .reasoning)
                    #expect(cut.text.isEmpty && cut.blocks.count == 1)
                    #expect(
                        cut.blocks[0].reasoning.hasPrefix(shown[0].text)
                            && Self.words.hasPrefix(cut.blocks[0].reasoning))
                    try await service.resume(run, "Go on.")
                    try await service.wait(run, .finished)
                    // The last request is that of the run that settled, or this one's.
                    for entry in model.log.entries() {
                        #expect(try model.log.shown(entry.number).allSatisfy { !$0.contains("why1") })
                    }
                }
            }
        }

        /// A call keeps what its provider wants back, over a restart and in a checkpoint.
        @Test func whatAProviderWantsBackIsKept() async throws {
            try await Service.run(script: Self.script) { service, model in
                let run = try await service.launch("call")
                try await service.wait(run, .finished)
                let sent = String(decoding: try #require(model.log.entries().last?.body), as: UTF8.self)
                #expect(sent.contains(#""extra_content":{"google":{"thought_signature":"A/b="}}"#), "\(sent)")
                let event = try await service.event(run) {
                    if case .modelAnswered(let answer) = $0 { !answer.calls.isEmpty } else { false }
                }
                let blocks: [FermataBlock] = [
                    .with { $0.reasoning = "Where?" },
                    .with {
                        $0.call = 1
                        $0.json = #"{"google":{"thought_signature":"A/b="}}"#
                    },
                ]
                #expect(event.modelAnswered.blocks == blocks)
                let checkpoint = try await service.export(run)
                #expect(checkpoint.contains(#"\"thought_signature\":\"A/b=\""#), "\(checkpoint)")
            }
        }
    }
}
