public import FermataProtocol
internal import Yams

extension AgentFile {
    /// An agent as the text of a file, from which the same agent is read again. What is not set is left out.
    ///
    /// - Parameter agent: a valid one: without `problems`.
    public static func text(of agent: FermataAgent) -> String {
        var agent = agent
        if agent.modelOptions == FermataModelOptions() { agent.clearModelOptions() }
        if agent.limits == FermataLimits() { agent.clearLimits() }
        if agent.policy == FermataPolicy() { agent.clearPolicy() }
        // Whoever wrote them: to a file they are the same.
        if agent.hasPolicy { agent.policy.spellEqualsAsFilesDo() }
        for index in agent.workerTools.indices {
            agent.workerTools[index].byWorker = false
            agent.workerTools[index].origin = .unspecified
            agent.workerTools[index].idempotentWhen.spellEqualsAsFilesDo()
        }
        // Block text is for people to read; where it would not come back as it was, quoted text does.
        for style in [Node.Scalar.Style.literal, .doubleQuoted] {
            if let text = write(agent, style), (try? parse(Array(text.utf8), file: "")) == agent { return text }
        }
        // Of an agent that breaks the rules.
        return write(agent, .doubleQuoted) ?? ""
    }

    private static func write(_ agent: FermataAgent, _ style: Node.Scalar.Style) -> String? {
        try? serialize(node: AgentWriting(style: style).node(agent), indent: 2, width: -1, allowUnicode: true)
    }
}

struct AgentWriting {
    /// Of texts with several lines.
    let style: Node.Scalar.Style

    func node(_ agent: FermataAgent) -> Node {
        var pairs = [("name", text(agent.name))]
        if !agent.description_p.isEmpty { pairs.append(("description", text(agent.description_p))) }
        if !agent.model.isEmpty { pairs.append(("model", text(agent.model))) }
        if !agent.fallbackModels.isEmpty { pairs.append(("fallback_models", texts(agent.fallbackModels))) }
        let options = modelOptions(agent.modelOptions)
        if !options.isEmpty { pairs.append(("model_options", mapping(options))) }
        if !agent.systemPrompt.isEmpty { pairs.append(("system_prompt", text(agent.systemPrompt))) }
        if !agent.tools.isEmpty { pairs.append(("tools", texts(agent.tools))) }
        if agent.modelAttempts > 0 { pairs.append(("model_attempts", number(agent.modelAttempts))) }
        if agent.patienceMs > 0 {
            pairs.append(("patience", number(Period(milliseconds: Int64(agent.patienceMs)))))
        }
        let limits = limits(agent.limits)
        if !limits.isEmpty { pairs.append(("limits", mapping(limits))) }
        if !agent.policy.tools.isEmpty { pairs.append(("policy", policy(agent.policy))) }
        if !agent.workerTools.isEmpty {
            pairs.append(("worker_tools", Node(agent.workerTools.map(workerTool), Tag(.seq), .block)))
        }
        return mapping(pairs)
    }

    private func modelOptions(_ options: FermataModelOptions) -> [(String, Node)] {
        var pairs: [(String, Node)] = []
        if options.hasTemperature { pairs.append(("temperature", number(options.temperature))) }
        if options.hasTopP { pairs.append(("top_p", number(options.topP))) }
        if options.hasMaxOutputTokens { pairs.append(("max_output_tokens", number(options.maxOutputTokens))) }
        if options.hasSeed { pairs.append(("seed", number(options.seed))) }
        if !options.reasoningEffort.isEmpty { pairs.append(("reasoning_effort", text(options.reasoningEffort))) }
        if !options.stop.isEmpty { pairs.append(("stop", texts(options.stop))) }
        return pairs
    }

    private func limits(_ limits: FermataLimits) -> [(String, Node)] {
        var pairs: [(String, Node)] = []
        if limits.hasMaxSteps { pairs.append(("max_steps", number(limits.maxSteps))) }
        if limits.hasMaxCostNanoUsd { pairs.append(("max_cost_usd", number(Dollars(nano: limits.maxCostNanoUsd)))) }
        if limits.hasMaxRepeats { pairs.append(("max_repeats", number(limits.maxRepeats))) }
        return pairs
    }

    func mapping(_ pairs: [(String, Node)]) -> Node {
        Node(pairs.map { (Node($0, Tag(.str)), $1) }, Tag(.map), .block)
    }

    private func texts(_ texts: [String]) -> Node { Node(texts.map(text), Tag(.seq), .flow) }

    func text(_ text: String) -> Node {
        if text.utf8.contains(UInt8(ascii: "\n")) { return Node(text, Tag(.str), style) }
        // Without quotes only what nobody reads as anything else.
        let isPlain =
            Node(text).tag.rawValue == Tag.Name.str.rawValue && text.utf8.first.map(Self.isLetter) == true
            && text.utf8.last != UInt8(ascii: " ")
            && text.utf8.allSatisfy { Self.isLetter($0) || (48...57).contains($0) || " ._/-".utf8.contains($0) }
        return Node(text, Tag(.str), isPlain ? .plain : .doubleQuoted)
    }

    func number(_ number: some CustomStringConvertible) -> Node { Node("\(number)", .implicit, .plain) }

    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }
}
