import FermataCore
import FermataProtocol
import JSON

@testable import FermataServer
@testable import Models

/// What a chat server is sent of a journal.
enum Requests {
    private static let reader = ModelOrigin(api: "chat", provider: "openai", model: "m")

    /// What is wrong with the requests of a journal: at each of its model calls the messages are valid, and begin with those
    /// of the request before, byte for byte.
    ///
    /// - Returns: how many there are, and the first that is wrong: its event, and why.
    static func audit(_ journal: [FermataEvent]) throws -> (count: Int, problem: String?) {
        var (transcript, history, before, count) = (
            Transcript(), ModelHistory(.json(ModelProfile(), reader)), [UInt8](), 0
        )
        for event in journal {
            if case .modelFailed(let failed) = event.kind, failed.dropsReasoning {
                // This is said to edit the past: it is encoded anew, without what is left out.
                transcript = Transcript(reasoningFrom: event.seq)
                history = ModelHistory(.json(ModelProfile(), reader))
                before = []
                for event in journal.prefix(while: { $0.seq < event.seq }) {
                    transcript.append(event)
                    history.append(
                        transcript.takeItems().map { ModelMessage($0, for: reader) { Array($0.sha256.utf8) } })
                }
            }
            transcript.append(event)
            let items = transcript.takeItems()
            history.append(items.map { ModelMessage($0, for: reader) { Array($0.sha256.utf8) } })
            guard case .modelCalled = event.kind else { continue }
            let messages = history.jsonPieces.flatMap(\.self)
            guard messages.starts(with: before) else { return (count, "event \(event.seq): the past is another") }
            before = Array(messages.dropLast(history.closing.count))
            count += 1
            if let problem = try problem(with: messages) { return (count, "event \(event.seq): \(problem)") }
        }
        return (count, nil)
    }

    /// What a chat server would refuse.
    private static func problem(with messages: [UInt8]) throws -> String? {
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
            if let content, document.kind(content) == .array {
                let types = document.elements(content).map { document.member("type", of: $0).map(document.text) ?? "" }
                guard role == "user", !types.isEmpty, Set(types).isSubset(of: ["text", "image_url", "file"]) else {
                    return "parts that are none"
                }
                continue
            }
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
