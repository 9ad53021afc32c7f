internal import ModelScript

/// An error as providers describe it, in a body that refuses or in a stream that has begun.
struct ChatError {
    var message = ""
    /// Words such as `context_length_exceeded`, or an HTTP status where the code is one; in lower case.
    var codes: [String] = []
    /// The parameter that it is about; empty: none is named.
    var parameter = ""
    /// How long the provider wants to be left alone, as it says in the body; nil: it does not.
    var retryAfterMilliseconds: UInt64?
    /// The account's limit of a day or longer is reached.
    var isLongQuota = false
    /// A limit of a minute or so is: it comes back, whatever the words say.
    var isShortQuota = false

    /// What LiteLLM's exception says, which may be another than the status beside it.
    private(set) var proxiedStatus: Int?

    var status: Int? { codes.lazy.compactMap { Int($0) }.first { 400..<600 ~= $0 } }

    /// The value of a member `error`. Nil: there is none.
    init?(_ node: JSONNode?) {
        switch node {
        case nil, .null?, .bool?, .string("")?: return nil
        case .string(let text)?: message = text
        case let node?:
            message = node["message"]?.text ?? node["detail"]?.text ?? ""
            if message.isEmpty, let inner = ChatError(node["error"]) { self = inner }
            for key in ["code", "type", "status", "error_code"] { add(node[key]) }
            add(node["details"]?["error_code"])
            parameter = node["param"]?.text ?? parameter
            for detail in node["details"]?.elements ?? [] { add(detail: detail) }
            if let metadata = node["metadata"] {
                // What the provider behind a router said.
                if let raw = metadata["raw"]?.text, !raw.isEmpty, raw != message { message += " (\(raw))" }
                retryAfter(metadata)
            }
            retryAfter(node)
        }
        wait(seconds: Self.delay(in: message))
        let exceptions = LiteLLM.exceptions(in: message)
        codes += exceptions
        proxiedStatus = LiteLLM.status(of: exceptions)
    }

    /// How long to wait, as OpenAI, Groq and Azure say it in words: `Please try again in 1m2.5s.`, `900ms`, `retry after
    /// 26 seconds`.
    static func delay(in message: String) -> Double? {
        let text = message.lowercased()
        for phrase in ["try again in ", "retry after ", "retry in ", "try again after "] {
            guard let start = text.firstRange(of: phrase)?.upperBound else { continue }
            var rest = text[start...]
            var seconds: Double?
            while let number = Double(rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }.trimmedDot) {
                rest = rest.drop { $0.isASCII && ($0.isNumber || $0 == ".") }.drop { $0 == " " }
                let unit = rest.prefix { $0.isASCII && $0.isLetter }
                let factor: Double? =
                    switch unit {
                    case "ms", "milliseconds", "millisecond": 0.001
                    case "s", "sec", "secs", "second", "seconds": 1
                    case "m", "min", "mins", "minute", "minutes": 60
                    case "h", "hr", "hour", "hours": 3600
                    default: nil
                    }
                guard let factor else { break }
                seconds = (seconds ?? 0) + number * factor
                rest = rest.dropFirst(unit.count)
            }
            if let seconds { return seconds }
        }
        return nil
    }

    /// The body of a response that refuses: `{"error": …}`, in a list as some send it, or the error without a name,
    /// or FastAPI's `{"detail": "…"}`. Nil if it is nothing of the kind.
    init?(body: [UInt8]) {
        guard var node = ChatResponse.node(body) else { return nil }
        if let first = node.elements?.first { node = first }
        guard case .object = node, let error = ChatError(node["error"]) ?? ChatError(node["detail"]) ?? ChatError(node)
        else { return nil }
        self = error
        // Some have the code beside the error, not in it.
        if node["error"] != nil { for key in ["code", "error_code"] { add(node[key]) } }
    }

    private mutating func add(_ code: JSONNode?) {
        switch code {
        case .string(let word)? where !word.isEmpty: codes.append(word.lowercased())
        case .number(let digits)?: codes.append(digits)
        default: break
        }
    }

    /// Google's details (google.rpc): how long to wait, and which quota is used up.
    private mutating func add(detail: JSONNode) {
        add(detail["reason"])
        if let delay = detail["retryDelay"]?.text, delay.hasSuffix("s") {
            wait(seconds: Double(delay.dropLast()))
        }
        for violation in detail["violations"]?.elements ?? [] {
            let name = (violation["quotaId"]?.text ?? "") + (violation["quotaMetric"]?.text ?? "")
            if ["perday", "per_day", "permonth", "per_month"].contains(where: { name.lowercased().contains($0) }) {
                isLongQuota = true
            } else if ["perminute", "per_minute", "persecond", "per_second"].contains(where: {
                name.lowercased().contains($0)
            }) {
                isShortQuota = true
            }
        }
    }

    private mutating func retryAfter(_ node: JSONNode) {
        func number(_ key: String) -> Double? {
            switch node[key] {
            case .number(let digits)?: Double(digits)
            case .string(let text)?: Double(text)
            default: nil
            }
        }
        wait(seconds: number("retry_after_ms").map { $0 / 1000 })
        wait(seconds: number("retry_after"))
        wait(seconds: number("retry_after_seconds"))
    }

    /// The first one that is told counts.
    private mutating func wait(seconds: Double?) {
        guard retryAfterMilliseconds == nil, let seconds else { return }
        retryAfterMilliseconds = ModelFailure.milliseconds(seconds)
    }
}

extension Substring {
    /// Without a full stop that ends a sentence.
    fileprivate var trimmedDot: Substring { hasSuffix(".") ? dropLast() : self }
}
