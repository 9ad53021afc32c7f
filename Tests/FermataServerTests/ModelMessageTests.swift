import FermataCore
import FermataProtocol
import SwiftProtobuf
import Testing

@testable import FermataServer
@testable import Models

/// What a model is sent of a journal.
struct ModelMessageTests {
    private static let gemini = ModelOrigin(api: "chat", provider: "gemini", model: "gemini-3-pro")

    /// What a provider sent for itself goes back to it, and to nobody else.
    @Test(arguments: [
        (gemini, true), (ModelOrigin(api: "messages", provider: "gemini", model: "gemini-3-pro"), false),
        (ModelOrigin(api: "chat", provider: "openrouter", model: "gemini-3-pro"), false),
        (ModelOrigin(api: "chat", provider: "gemini", model: "gemini-3-flash"), false),
    ])
    func whatIsAProvidersOwn(_ reader: ModelOrigin, _ isShown: Bool) {
        var answer = Transcript.Answer(
            text: "",
            calls: [
                .with {
                    $0.number = 3
                    $0.tool = "f"
                    $0.arguments = "{}"
                    $0.modelID = "c"
                }
            ])
        answer.blocks = [
            .with { $0.reasoning = "why" },
            .with {
                $0.call = 3
                $0.json = #"{"s":1}"#
            },
        ]
        answer.origin = .with {
            $0.api = "chat"
            $0.provider = "gemini"
            $0.model = "gemini-3-pro"
        }
        let expected = ModelToolCall(id: "c", name: "f", arguments: "{}", extra: isShown ? #"{"s":1}"# : "")
        let blocks: [ModelBlock] = isShown ? [.reasoning("why"), .call(0)] : []
        #expect(
            ModelMessage(.assistant(answer), for: reader) { _ in [] }
                == .assistant(text: "", calls: [expected], blocks: blocks))
    }
}
