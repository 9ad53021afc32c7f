import FermataCore
import FermataProtocol
import SwiftProtobuf
import Testing

/// Images and files in messages and results.
@Suite struct ContentTests {
    private static func text(_ count: Int) -> FermataBlock { .with { $0.text = UInt64(count) } }

    private static let image = FermataBlock.with {
        $0.image.sha256 = String(repeating: "b2", count: 32)
        $0.image.mediaType = "image/png"
        $0.image.bytes = 100
    }

    private func last(_ scenario: Scenario) -> Content? {
        switch scenario.transcript.items.last {
        case .user(let content), .result(_, let content): content
        default: nil
        }
    }

    @Test func aMessageIsShownAsItWasMade() throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("Yes?")
        let message = Content("Look:here", blocks: [Self.text(5), Self.image, Self.text(4)])
        try scenario.command(.send(message, .nextStep))
        #expect(scenario.events.contains { $0.messageQueued.blocks == message.blocks })
        #expect(last(scenario) == message)
    }

    @Test func aTaskMayBeNothingButAnImage() throws {
        var scenario = try Scenario()
        try scenario.command(.send(Content("", blocks: [Self.image]), .nextStep))
        #expect(scenario.run.status == .running && last(scenario) == Content("", blocks: [Self.image]))
        #expect(scenario.run.summary.task.isEmpty)
    }

    @Test(arguments: [true, false]) func aResultKeepsItsBlocks(_ isError: Bool) throws {
        var scenario = try Scenario(task: "go")
        try scenario.modelAnswers("", calls: [.deploy("a")])
        try scenario.command(.startCall(call: 1, attempt: 1, worker: "w"))
        let output = Content("Seen.", blocks: [Self.image, Self.text(5)])
        try scenario.command(
            .completeCall(call: 1, attempt: 1, worker: "w", isError ? .failure(output) : .result(output)))
        #expect(scenario.events.contains { $0.callEnded.blocks == output.blocks })
        let shown = isError ? [Self.text(8)] + output.blocks : output.blocks
        #expect(last(scenario) == Content(isError ? "[Error] Seen." : "Seen.", blocks: shown))
    }

    /// Where a key was masked in the text nobody can say any more what of it was where.
    @Test func anotherTextComesFirst() {
        let content = Content("abc", blocks: [Self.text(1), Self.image, Self.text(2)])
        #expect(content.replacingText("abc") == content)
        #expect(content.replacingText("a***") == Content("a***", blocks: [Self.text(4), Self.image]))
        #expect(content.replacingText("") == Content("", blocks: [Self.image]))
        #expect(Content("abc").replacingText("x") == Content("x"))
    }

    @Test func blocksThatAreNotTheTextAreNoJournal() throws {
        let scenario = try Scenario()
        func problem(_ blocks: [FermataBlock], _ text: String) -> String? {
            scenario.run.problem(
                withNext: .with {
                    $0.run = scenario.run.id.description
                    $0.seq = scenario.run.seq + 1
                    $0.at = scenario.now
                    $0.messageQueued.number = 1
                    $0.messageQueued.text = text
                    $0.messageQueued.blocks = blocks
                })
        }
        #expect(problem([Self.text(2), Self.image], "ab") == nil)
        #expect(problem([Self.text(1), Self.image], "ab") != nil)
        #expect(problem([Self.image], "ab") != nil)
        #expect(problem([.with { $0.call = 1 }], "") != nil)
    }

    /// Of a newer server: what its model was shown cannot be shown here.
    @Test func wordsThatAreNotKnownAreRefused() {
        func problem(_ rendering: UInt32) -> String? {
            Run(id: Scenario.id).problem(
                withNext: .with {
                    $0.run = Scenario.id.description
                    $0.seq = 1
                    $0.at = 1
                    $0.launched.model = "mock/x"
                    $0.launched.rendering = rendering
                })
        }
        #expect(problem(0) == nil && problem(Rendering.current.rawValue) == nil)
        #expect(problem(Rendering.current.rawValue + 1) != nil)
    }
}
