internal import ModelScript

/// What servers of some makes refuse of a chat completions request, beyond what every one does.
public enum ChatStrictness: String, Sendable, CaseIterable {
    /// Each call has its result directly after it, and each result its call; ids have 40 bytes at most; no message says
    /// nothing.
    case openai
    /// Ids are nine letters and digits, and nothing of people comes directly after a result.
    case mistral
    /// A turn with calls has its reasoning: Kimi, DeepSeek.
    case reasoning
    /// The first call of a turn has the signature that came with it: Gemini.
    case signatures
    /// No two messages of one role in a row, and arguments are JSON objects: templates of models on llama.cpp and vLLM.
    case template
}

/// Looks at the messages of a request as such servers do.
struct ChatCheck {
    private let strictness: Set<ChatStrictness>
    private var open: [String] = []
    private var lastRole = ""

    /// - Throws: what the strictest of these servers would say.
    static func check(_ messages: [JSONNode], _ strictness: Set<ChatStrictness>) throws(MockRefusal) {
        guard !strictness.isEmpty else { return }
        var check = ChatCheck(strictness)
        for (index, message) in messages.enumerated() { try check.take(message, at: "messages[\(index)]") }
        if let id = check.open.first { throw .invalid("call \(id) has no result", "messages") }
    }

    private init(_ strictness: Set<ChatStrictness>) { self.strictness = strictness }

    private mutating func take(_ message: JSONNode, at place: String) throws(MockRefusal) {
        let role = message["role"]?.text ?? ""
        defer { lastRole = role }
        if role == "tool" {
            let id = message["tool_call_id"]?.text ?? ""
            guard let index = open.firstIndex(of: id) else {
                throw .invalid("'\(place)': a result of no call: \(id)", place)
            }
            open.remove(at: index)
            return
        }
        if let id = open.first { throw .invalid("'\(place)': call \(id) has no result", place) }
        if strictness.contains(.mistral), role == "user", lastRole == "tool" {
            throw .invalid("Unexpected role 'user' after role 'tool'", place)
        }
        if strictness.contains(.template), role == lastRole {
            throw .invalid("Conversation roles must alternate user/assistant/user/assistant/...", place)
        }
        let calls = message["tool_calls"]?.elements ?? []
        let says: Bool =
            switch message["content"] {
            case .string(let text)?: !text.isEmpty
            case .array(let parts)?: !parts.isEmpty
            default: false
            }
        guard says || !calls.isEmpty else { throw .invalid("'\(place).content' must not be empty", place) }
        guard role == "assistant", !calls.isEmpty else { return }
        if strictness.contains(.reasoning), message["reasoning_content"]?.text == nil {
            throw .invalid(
                "thinking is enabled but reasoning_content is missing in assistant tool call message", place)
        }
        if strictness.contains(.signatures), calls[0]["extra_content"]?["google"]?["thought_signature"] == nil {
            throw .invalid("Function call is missing a thought_signature in functionCall parts", place)
        }
        for call in calls { open.append(try id(of: call, at: place)) }
    }

    private func id(of call: JSONNode, at place: String) throws(MockRefusal) -> String {
        let id = call["id"]?.text ?? ""
        guard !id.isEmpty, !open.contains(id) else {
            throw .invalid("'\(place)': a call without an id of its own", place)
        }
        if strictness.contains(.openai), id.utf8.count > 40 {
            throw .invalid("'\(place).tool_calls[0].id': string too long: maximum length 40", place)
        }
        if strictness.contains(.mistral) {
            let isPlain = id.utf8.allSatisfy { 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0 }
            guard id.utf8.count == 9, isPlain else {
                throw .invalid("Tool call id was \(id) but must be a-z, A-Z, 0-9, with a length of 9.", place)
            }
        }
        if strictness.contains(.template) {
            let arguments = call["function"]?["arguments"]?.text ?? ""
            guard let node = try? JSONNode.read(Array(arguments.utf8)), case .object = node else {
                throw MockRefusal(
                    status: 500, message: "Failed to parse tool call arguments as JSON", type: "server_error")
            }
        }
        return id
    }
}
