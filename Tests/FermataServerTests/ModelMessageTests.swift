import FermataCore
import FermataProtocol
import GoldenStores
import JSON
import SwiftProtobuf
import Testing

@testable import FermataServer
@testable import ModelClients

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
        #expect(ModelMessage(.assistant(answer), for: reader) == .assistant(text: "", calls: [expected]))
    }

    /// Of every journal that a binary has left, at each of its model calls: the request's messages are valid, and begin
    /// with those of the request before, byte for byte.
    @Test(arguments: GoldenStore.all) func requestsOnlyGrow(_ store: GoldenStore) throws {
        var requests = 0
        for shown in store.runs {
            var (transcript, history, before) = (Transcript(), ModelHistory(.chat(Self.gemini)), [UInt8]())
            for event in store.events(of: shown.run.id) {
                transcript.append(event)
                for item in transcript.takeItems() { history.append(ModelMessage(item, for: Self.gemini)) }
                guard case .modelCalled = event.kind else { continue }
                let messages = history.chatPieces.flatMap(\.self)
                #expect(messages.starts(with: before), "\(store.name(shown.run.id)), event \(event.seq)")
                before = messages
                requests += 1
                let problem = try Self.problem(messages)
                #expect(problem == nil, "\(store.name(shown.run.id)), event \(event.seq): \(problem ?? "")")
            }
        }
        #expect(requests > 0)
    }

    /// What a chat server would refuse.
    private static func problem(_ messages: [UInt8]) throws -> String? {
        let document = try JSONDocument(parsing: [UInt8(ascii: "[")] + messages + [UInt8(ascii: "]")])
        var owed: [String] = []
        for message in document.elements(0) {
            let role = document.member("role", of: message).map(document.text) ?? ""
            if role == "tool" {
                let id = document.member("tool_call_id", of: message).map(document.text)
                guard id != nil, id == owed.first else { return "a result is out of place" }
                owed.removeFirst()
                continue
            }
            guard owed.isEmpty else { return "a call has no result" }
            let content = document.member("content", of: message)
            let calls = document.member("tool_calls", of: message).map(document.elements) ?? []
            let text = content.map { document.kind($0) == .null ? "" : document.text($0) } ?? ""
            guard ["system", "user", "assistant"].contains(role), !text.isEmpty || !calls.isEmpty || role == "user"
            else {
                return "an empty message of \(role)"
            }
            for call in calls {
                owed.append(document.member("id", of: call).map(document.text) ?? "")
                let arguments = document.member("function", of: call).flatMap { document.member("arguments", of: $0) }
                guard let arguments, try JSONDocument(parsing: document.text(arguments)).kind(0) == .object else {
                    return "arguments are no object"
                }
            }
        }
        return owed.isEmpty ? nil : "a call has no result"
    }
}
