import FermataCore
import FermataProtocol
import SwiftProtobuf
import Testing

/// What an answer is made of, in events and in what a model is shown.
@Suite struct BlockTests {
    private static let origin = FermataOrigin.with {
        $0.api = "chat"
        $0.provider = "gemini"
        $0.model = "gemini-3-pro"
    }

    private func answer(_ scenario: inout Scenario, _ text: String, _ blocks: [FermataBlock], calls: [ModelReply.Call])
        throws -> [String]
    {
        guard case .model(let step, let attempt)? = scenario.run.wanted.first else { return [] }
        return try scenario.decide(
            .modelAnswered(
                step: step, attempt: attempt, ModelReply(text: text, calls: calls, blocks: blocks, origin: Self.origin))
        )
    }

    @Test func callsInBlocksHaveTheirNumbers() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.search("a"), .search("b")])
        try scenario.toolEnds(1)
        try scenario.toolEnds(2)
        let blocks: [FermataBlock] = [
            .with { $0.reasoning = "why" }, .with { $0.text = 2 },
            .with {
                $0.call = 1
                $0.json = #"{"s":1}"#
            }, .with { $0.call = 2 },
        ]
        _ = try answer(&scenario, "ab", blocks, calls: [.search("c"), .search("d")])
        guard
            case .assistant(let shown)? = scenario.transcript.items.last(where: {
                if case .assistant = $0 { true } else { false }
            })
        else { throw Refusal(.internalError, "no answer") }
        #expect(shown.blocks.map(\.call) == [0, 0, 3, 4] && shown.blocks[2].json == #"{"s":1}"#)
        #expect(shown.origin == Self.origin && shown.text == "ab")
    }

    /// Text alone has none, so that it costs nothing.
    @Test func anAnswerWithoutBlocksHasNoOrigin() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Done.")
        guard case .assistant(let shown)? = scenario.transcript.items.last else {
            throw Refusal(.internalError, "no answer")
        }
        #expect(shown.blocks.isEmpty && shown.origin == .init())
    }

    /// A journal from elsewhere: blocks are all of the answer, or it is not one.
    @Test(arguments: [
        ([FermataBlock.with { $0.text = 2 }], [UInt32](), true), ([.with { $0.text = 1 }], [], false),
        ([.with { $0.text = 3 }], [], false), ([.with { $0.text = 1 }, .with { $0.text = .max }], [], false),
        ([.with { $0.text = 1 }, .with { $0.reasoning = "r" }, .with { $0.text = 1 }], [], true),
        ([.with { $0.text = 2 }, .with { $0.call = 1 }], [1], true), ([.with { $0.text = 2 }], [1], false),
        ([.with { $0.text = 2 }, .with { $0.call = 2 }], [1], false),
        ([.with { $0.text = 2 }, .with { $0.call = 1 }, .with { $0.call = 1 }], [1], false),
        ([.with { $0.opaque = "x" }, .with { $0.text = 2 }], [], true), ([FermataBlock()], [], false),
    ])
    func blocksAreTheWholeAnswer(_ blocks: [FermataBlock], _ calls: [UInt32], _ isSound: Bool) throws {
        let scenario = try Scenario(task: "go")
        let event = FermataEvent.with {
            $0.run = scenario.run.id.description
            $0.seq = scenario.run.seq + 1
            $0.at = scenario.run.updatedAt
            $0.modelAnswered = .with {
                $0.step = 1
                $0.attempt = 1
                $0.text = "ab"
                $0.blocks = blocks
                $0.calls = calls.map { number in
                    .with {
                        $0.number = number
                        $0.tool = "search"
                        $0.arguments = "{}"
                    }
                }
            }
        }
        #expect((scenario.run.problem(withNext: event) == nil) == isSound)
        var cut = event
        cut.modelCut = .with {
            $0.step = 1
            $0.attempt = 1
            $0.text = "ab"
            $0.blocks = blocks
        }
        // A cut answer has no calls.
        let hasCalls = blocks.contains { if case .call = $0.kind { true } else { false } }
        if calls.isEmpty || hasCalls {
            #expect((scenario.run.problem(withNext: cut) == nil) == (isSound && !hasCalls))
        }
    }
}
