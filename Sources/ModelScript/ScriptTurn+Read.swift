extension ScriptTurn {
    private static let keys = [
        "text", "reasoning", "tool_calls", "tokens_per_second", "first_token_delay_ms", "usage", "finish_reason",
        "fault", "match",
        "times", "repeat", "gate", "gate_after_tokens", "quirks", "comment",
    ]
    /// Far beyond any use, and small enough that no sum of them overflows.
    private static let most: Int64 = 1_000_000_000

    init(_ node: JSONNode, file: String, index: Int) throws(ScriptError) {
        let object = try ScriptObject(node, file: file, turn: index, allowed: ScriptTurn.keys)
        guard ["text", "tool_calls", "fault"].contains(where: object.has) else {
            throw object.mistake(nil, "has neither \"text\" nor \"tool_calls\" nor \"fault\"")
        }
        text = try object.text("text") ?? ""
        reasoning = try object.text("reasoning") ?? ""
        calls = try ScriptTurn.calls(object)
        tokensPerSecond = try object.double("tokens_per_second", 0...1_000_000) ?? 0
        firstTokenDelayMilliseconds = UInt64(try object.integer("first_token_delay_ms", 0...86_400_000) ?? 0)
        usage = try ScriptTurn.usage(object)
        finishReason = try object.text("finish_reason")
        fault = try ScriptTurn.fault(object)
        match = try ScriptTurn.match(object)
        times = try ScriptTurn.times(object, hasFault: fault != nil, hasMatch: match != nil)

        quirks = try ScriptTurn.quirks(object)
        let gateAfter = Int(try object.integer("gate_after_tokens", 0...ScriptTurn.most) ?? 0)
        if let name = try object.text("gate") {
            // The name is a part of a URL's path.
            let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
            guard !name.isEmpty, isPlain else {
                throw object.mistake("gate", "must be a name of letters, digits and -._")
            }
            gate = ScriptGate(name: name, afterTokens: gateAfter)
        } else if object.has("gate_after_tokens") {
            throw object.mistake("gate_after_tokens", "needs the key \"gate\" beside it")
        }

        pieces = ScriptTokens.split(reasoning).map { .reasoning($0) } + ScriptTokens.split(text).map { .text($0) }
        for (index, call) in calls.enumerated() {
            pieces.append(.call(index))
            pieces += ScriptTokens.split(arguments: call.arguments).map { .arguments(index, $0) }
        }
    }

    private static func calls(_ object: ScriptObject) throws(ScriptError) -> [ScriptCall] {
        var calls: [ScriptCall] = []
        for call in try object.objects("tool_calls", allowed: ["name", "arguments", "id", "extra_content"]) ?? [] {
            guard let name = try call.text("name") else { throw call.mistake("name", "is missing") }
            let arguments: String
            switch call.optional("arguments") {
            case nil: arguments = "{}"
            case .string(let exact)?: arguments = exact
            case .object(let members)?: arguments = JSONNode.object(members).json
            case let other?: throw call.mistake("arguments", "must be an object or a string, not \(other.kind)")
            }
            let extra = call.optional("extra_content")
            if let extra {
                guard case .object = extra else { throw call.mistake("extra_content", "must be an object") }
            }
            calls.append(ScriptCall(name: name, arguments: arguments, id: try call.text("id"), extra: extra?.json))
        }
        return calls
    }

    private static func usage(_ object: ScriptObject) throws(ScriptError) -> ScriptUsage {
        if case .null? = object.optional("usage") { return .none }
        let keys = ["prompt_tokens", "completion_tokens", "cached_tokens"]
        guard let usage = try object.object("usage", allowed: keys) else { return .derived }
        return .given(
            prompt: try usage.integer("prompt_tokens", 0...most).map(UInt64.init),
            completion: try usage.integer("completion_tokens", 0...most).map(UInt64.init),
            cached: try usage.integer("cached_tokens", 0...most).map(UInt64.init))
    }

    private static func quirks(_ object: ScriptObject) throws(ScriptError) -> Set<ScriptQuirk> {
        var quirks: Set<ScriptQuirk> = []
        guard let node = object.optional("quirks") else { return quirks }
        for element in node.elements ?? [.null] {
            guard let quirk = element.text.flatMap(ScriptQuirk.init) else {
                let names = ScriptQuirk.allCases.map(\.rawValue).joined(separator: ", ")
                throw object.mistake("quirks", "must be a list of some of these: \(names)")
            }
            quirks.insert(quirk)
        }
        return quirks
    }

    private static func fault(_ object: ScriptObject) throws(ScriptError) -> ScriptFault? {
        let kinds = [
            "status", "disconnect_after_tokens", "malformed_chunk_after_tokens", "silence_after_tokens",
            "end_after_tokens", "error_after_tokens",
        ]
        let others = ["retry_after", "body", "code", "message", "error_status"]
        guard let fault = try object.object("fault", allowed: kinds + others) else { return nil }
        guard kinds.filter(fault.has).count == 1 else {
            throw object.mistake("fault", "must have exactly one of \(kinds.joined(separator: ", "))")
        }
        if let status = try fault.integer("status", 400...599) {
            return .status(
                Int(status), retryAfterSeconds: try fault.integer("retry_after", 0...86_400).map(UInt64.init),
                body: try fault.text("body"))
        }
        for key in ["retry_after", "body"] where fault.has(key) {
            throw fault.mistake(key, "needs the key \"status\" beside it")
        }
        if let tokens = try fault.integer(kinds[5], 0...most) {
            return .error(
                afterTokens: Int(tokens), status: Int(try fault.integer("error_status", 400...599) ?? 500),
                code: try fault.text("code"), message: try fault.text("message") ?? "scripted error")
        }
        for key in ["code", "message", "error_status"] where fault.has(key) {
            throw fault.mistake(key, "needs the key \"error_after_tokens\" beside it")
        }
        if let tokens = try fault.integer(kinds[4], 0...most) { return .end(afterTokens: Int(tokens)) }
        if let tokens = try fault.integer(kinds[1], 0...most) { return .disconnect(afterTokens: Int(tokens)) }
        if let tokens = try fault.integer(kinds[2], 0...most) { return .malformedChunk(afterTokens: Int(tokens)) }
        return try fault.integer(kinds[3], 0...most).map { .silence(afterTokens: Int($0)) }
    }

    private static func match(_ object: ScriptObject) throws(ScriptError) -> ScriptMatch? {
        switch object.optional("match") {
        case nil: return nil
        case .string(let part)?: return .contains(part)
        case .object?: break
        case let other?:
            throw object.mistake("match", "must be a string, or an object with the key \"regex\", not \(other.kind)")
        }
        guard let match = try object.object("match", allowed: ["regex"]), let pattern = try match.text("regex") else {
            throw object.mistake("match", "must have the key \"regex\"")
        }
        do {
            _ = try Regex(pattern)
        } catch {
            throw match.mistake("regex", "is not a regular expression: \(error)")
        }
        return .regex(pattern)
    }

    private static func times(_ object: ScriptObject, hasFault: Bool, hasMatch: Bool) throws(ScriptError) -> Int? {
        let times = try object.integer("times", 1...most).map { Int($0) }
        guard try object.bool("repeat") == true else { return times ?? (hasMatch && !hasFault ? nil : 1) }
        guard hasFault else { throw object.mistake("repeat", "needs the key \"fault\" beside it; see \"times\"") }
        guard times == nil else { throw object.mistake("repeat", "and \"times\" exclude each other") }
        return nil
    }
}
