internal import FoundationEssentials

/// What a chat completions server sends, as far as it is read: a chunk of a stream, or with `message` in place of
/// `delta` a whole answer.
struct ChatResponse: Decodable {
    var choices: [Choice]?
    var usage: Usage?
    var error: ChatError?

    struct Choice: Decodable {
        var delta: Message?
        var message: Message?
        var finish_reason: String?
    }

    struct Message: Decodable {
        var content: String?
        var refusal: String?
        var tool_calls: [Call]?
    }

    struct Call: Decodable {
        var index: Int?
        var id: String?
        var function: Function?

        struct Function: Decodable {
            var name: String?
            var arguments: String?
        }
    }

    struct Usage: Decodable {
        var prompt_tokens: UInt64?
        var completion_tokens: UInt64?
        var prompt_tokens_details: Details?

        struct Details: Decodable { var cached_tokens: UInt64? }
    }

    /// - Throws: `ModelFailure` of kind `badResponse` for what is no such JSON. The text is not repeated.
    init(json: [UInt8], with decoder: JSONDecoder) throws(ModelFailure) {
        do {
            self = try decoder.decode(ChatResponse.self, from: Data(json))
        } catch {
            throw ModelFailure(
                kind: .badResponse, message: "the model's server sent what is not a chat completion", retryable: true)
        }
    }
}

/// An error as providers describe it.
struct ChatError: Decodable {
    var message = ""
    /// Words such as `context_length_exceeded`; or an HTTP status, where the code is one.
    var codes: [String] = []
    var status: Int? { codes.lazy.compactMap { Int($0) }.first { 400..<600 ~= $0 } }

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            message = text
            return
        }
        let container = try decoder.container(keyedBy: Key.self)
        message = (try? container.decode(String.self, forKey: .message)) ?? ""
        for key in [Key.code, .type] {
            if let word = try? container.decode(String.self, forKey: key) { codes.append(word) }
            if let number = try? container.decode(Int.self, forKey: key) { codes.append("\(number)") }
        }
    }

    /// The body of a response that refuses: `{"error": …}`, in a list as some send it, or the error without a name,
    /// or FastAPI's `{"detail": "…"}`. Nil if it is nothing of the kind.
    init?(body: [UInt8]) {
        struct Envelope: Decodable {
            var error: ChatError?
            var detail: ChatError?
        }
        let (decoder, data) = (JSONDecoder(), Data(body))
        let envelope =
            (try? decoder.decode(Envelope.self, from: data))
            ?? (try? decoder.decode([Envelope].self, from: data))?.first
        let bare = try? decoder.decode(ChatError.self, from: data)
        guard let error = envelope?.error ?? envelope?.detail ?? bare else { return nil }
        self = error
    }

    private enum Key: String, CodingKey { case message, code, type }
}
