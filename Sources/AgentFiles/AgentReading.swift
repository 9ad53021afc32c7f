internal import FermataProtocol
internal import Yams

/// Makes an agent of a YAML document, and notes everything that is wrong with it.
struct AgentReading {
    let file: String
    var mistakes: [AgentMistake] = []
    /// Where each key is, by its whole name.
    var lines: [String: Int] = [:]

    init(file: String) { self.file = file }

    mutating func agent(_ root: Node) -> FermataAgent {
        var agent = FermataAgent()
        for (key, value) in members(of: root, AgentKeys.agent, in: "") {
            switch key {
            case "name": agent.name = text(value, key) ?? ""
            case "description": agent.description_p = text(value, key) ?? ""
            case "model": agent.model = text(value, key) ?? ""
            case "models":
                let models = texts(value, key)
                agent.model = models.first ?? ""
                agent.fallbackModels = Array(models.dropFirst())
            case "fallback_models": agent.fallbackModels = texts(value, key)
            case "patience": agent.patienceMs = milliseconds(value, key)
            case "model_options":
                let options = modelOptions(value)
                if options != FermataModelOptions() { agent.modelOptions = options }
            case "system_prompt": agent.systemPrompt = text(value, key) ?? ""
            case "tools":
                agent.tools = texts(value, key)
                // Who writes an empty list wants none; in the protocol that is all of them.
                if case .sequence(let items) = value, items.isEmpty { agent.tools = [FermataAgent.noTools] }
            case "model_attempts": agent.modelAttempts = integer(value, key) ?? 0
            case "limits":
                let limits = limits(value)
                if limits != FermataLimits() { agent.limits = limits }
            case "policy":
                let policy = policy(value, in: key)
                if policy != FermataPolicy() { agent.policy = policy }
            case "worker_tools": agent.workerTools = workerTools(value, key)
            default: break
            }
        }
        for key in ["model", "fallback_models"] where lines["models"] != nil && lines[key] != nil {
            note(key, "is in models as well: the first of these is the model, the others are its fallback models")
        }
        if lines["name"] == nil { mistakes.append(AgentMistake(file: file, line: 1, key: "name", text: "is missing")) }
        noteProblems(of: agent)
        noteProblems(of: agent.policy, in: "policy")
        return agent
    }

    /// - Throws: everything that was noted.
    func end() throws(AgentFileError) {
        if !mistakes.isEmpty { throw AgentFileError(mistakes.sorted { $0.line ?? 0 < $1.line ?? 0 }) }
    }

    private mutating func modelOptions(_ node: Node) -> FermataModelOptions {
        var options = FermataModelOptions()
        for (key, value) in members(of: node, AgentKeys.modelOptions, in: "model_options") {
            switch key {
            case "model_options.temperature": if let number = number(value, key) { options.temperature = number }
            case "model_options.top_p": if let number = number(value, key) { options.topP = number }
            case "model_options.max_output_tokens":
                if let count: UInt32 = integer(value, key) { options.maxOutputTokens = count }
            case "model_options.seed": if let seed: Int64 = integer(value, key) { options.seed = seed }
            case "model_options.reasoning_effort": options.reasoningEffort = text(value, key) ?? ""
            case "model_options.stop": options.stop = texts(value, key)
            default: break
            }
        }
        return options
    }

    private mutating func limits(_ node: Node) -> FermataLimits {
        var limits = FermataLimits()
        for (key, value) in members(of: node, AgentKeys.limits, in: "limits") {
            switch key {
            case "limits.max_steps": if let count: UInt32 = integer(value, key) { limits.maxSteps = count }
            case "limits.max_cost_usd":
                guard let plain = plain(value), let dollars = Dollars(plain) else {
                    wrong(value, key, "must be US dollars, such as 2 or 0.25, with at most nine decimals")
                    break
                }
                limits.maxCostNanoUsd = dollars.nano
            case "limits.max_repeats": if let count: UInt32 = integer(value, key) { limits.maxRepeats = count }
            default: break
            }
        }
        return limits
    }

    /// The rules that the server has too.
    private mutating func noteProblems(of agent: FermataAgent) {
        for problem in agent.problems {
            note(problem.field == "limits.max_cost_nano_usd" ? "limits.max_cost_usd" : problem.field, problem.rule)
        }
    }

    mutating func note(_ key: String, _ rule: String) {
        // What could not be read, or is not there, has been noted already.
        if mistakes.contains(where: { $0.key == key || $0.key?.hasPrefix(key + "[") == true }) { return }
        mistakes.append(AgentMistake(file: file, line: line(of: key), key: key.isEmpty ? nil : key, text: rule))
    }

    /// Of a key that is not there: where it would be.
    private func line(of key: String) -> Int? {
        var key = key[...]
        while true {
            if let line = lines[String(key)] { return line }
            guard let end = key.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            key = key[..<end]
        }
    }

    mutating func wrong(_ node: Node, _ key: String, _ text: String) {
        let line = node.mark?.line ?? lines[key]
        mistakes.append(AgentMistake(file: file, line: line, key: key.isEmpty ? nil : key, text: text))
    }

    // MARK: - Values

    /// The known members of a mapping, by their whole names; the others are noted.
    mutating func members(of node: Node, _ known: [String], in parent: String) -> [(String, Node)] {
        let list = "known: " + known.joined(separator: ", ")
        guard case .mapping(let mapping) = node else {
            let text =
                (parent.isEmpty ? "an agent's file must have keys and their values" : "must have keys") + "; \(list)"
            mistakes.append(
                AgentMistake(file: file, line: node.mark?.line, key: parent.isEmpty ? nil : parent, text: text))
            return []
        }
        var members: [(String, Node)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string, known.contains(name) else {
                let name = key.scalar?.string ?? "a key that is no text"
                let hint = nearest(to: name, among: known).map { "did you mean \($0)? " } ?? ""
                wrong(key, AgentReading.join(parent, shown(name)), "is not known; \(hint)\(list)")
                continue
            }
            let whole = AgentReading.join(parent, name)
            lines[whole] = key.mark?.line
            members.append((whole, value))
        }
        return members
    }

    static func join(_ parent: String, _ name: String) -> String { parent.isEmpty ? name : "\(parent).\(name)" }

    mutating func text(_ node: Node, _ key: String) -> String? {
        guard case .scalar(let scalar) = node else {
            wrong(node, key, "must be text")
            return nil
        }
        guard node.tag.rawValue == Tag.Name.str.rawValue else {
            // 7, yes, ~ and 2001-01-01 are not text to YAML, and not the same text to everybody.
            wrong(node, key, "must be text; put it in quotes if it is")
            return nil
        }
        guard !scalar.string.utf8.contains(0) else {
            wrong(node, key, "must be text without NUL characters")
            return nil
        }
        return scalar.string
    }

    mutating func texts(_ node: Node, _ key: String) -> [String] {
        guard case .sequence(let items) = node else {
            wrong(node, key, "must be a list of texts, such as [one, two]")
            return []
        }
        return items.enumerated().compactMap { index, item in text(item, "\(key)[\(index)]") }
    }

    /// What is written without quotes and without a tag of its own.
    func plain(_ node: Node) -> String? {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return nil }
        return node.tag.rawValue.hasPrefix("!") ? nil : scalar.string
    }

    /// Decimal digits: what YAML reads as hexadecimal, octal or base 60 is refused.
    mutating func integer<Number: FixedWidthInteger>(_ node: Node, _ key: String) -> Number? {
        if let plain = plain(node), plain.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: "-") }),
            plain == "0" || !plain.hasPrefix("0"), let number = Number(plain)
        {
            return number
        }
        wrong(node, key, "must be a whole number from \(Number.min) to \(Number.max)")
        return nil
    }

    mutating func number(_ node: Node, _ key: String) -> Double? {
        if let plain = plain(node), let first = plain.utf8.first, first != UInt8(ascii: "+"),
            plain.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) }), let number = Double(plain),
            number.isFinite
        {
            return number
        }
        wrong(node, key, "must be a number, such as 0.5")
        return nil
    }
}
