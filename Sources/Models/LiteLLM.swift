/// LiteLLM's proxy, which stands before models of any provider. On the way it changes order, statuses and ends of answers.
///
/// What only concerns the reading of an answer is done for each answer that is its own. What a model is sent follows from
/// the configuration alone (`like: litellm_proxy`): a conversation that is under way keeps its form.
public enum LiteLLM {
    /// Whether a response is the proxy's. Its answers and errors say so; its list of models does not.
    public static func isSender(of headers: [(name: String, value: String)]) -> Bool {
        headers.contains { $0.name.lowercased().hasPrefix("x-litellm-") }
    }

    /// The exceptions that an error's text begins with, in lower case, the cause last:
    /// `litellm.MidStreamFallbackError: litellm.RateLimitError: …`.
    static func exceptions(in message: String) -> [String] {
        var (names, rest) = ([String](), message[...])
        while rest.hasPrefix("litellm."), let colon = rest.prefix(80).firstIndex(of: ":") {
            names.append(rest[..<colon].dropFirst("litellm.".count).lowercased())
            rest = rest[rest.index(after: colon)...].drop { $0 == " " }
        }
        return names
    }

    /// What each of them is, whatever status stands beside it: of an error in a stream it may always be 500.
    static func status(of exceptions: [String]) -> Int? {
        let known = [
            "authenticationerror": 401, "permissiondeniederror": 403, "notfounderror": 404, "timeout": 408,
            "ratelimiterror": 429, "badrequesterror": 400, "unprocessableentityerror": 422,
            "contextwindowexceedederror": 400, "contentpolicyviolationerror": 400, "unsupportedparamserror": 400,
            "paymentrequirederror": 402,
        ]
        return exceptions.last.flatMap { known[$0] }
    }
}
