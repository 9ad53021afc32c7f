internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf
internal import Yams

/// Policies and workers' tools as YAML.
extension AgentWriting {
    func policy(_ policy: FermataPolicy) -> Node {
        Node(policy.tools.map { (text($0.tool), toolPolicy($0)) }, Tag(.map), .block)
    }

    private func toolPolicy(_ policy: FermataToolPolicy) -> Node {
        var pairs: [(String, Node)] = []
        if !policy.rules.isEmpty { pairs.append(("rules", Node(policy.rules.map(rule), Tag(.seq), .block))) }
        if let gate = word(policy.gate, PolicyWords.gates) { pairs.append(("gate", gate)) }
        if let word = word(policy.whenUnknown, PolicyWords.whenUnknown) { pairs.append(("when_unknown", word)) }
        if let word = word(policy.urgency, PolicyWords.urgencies) { pairs.append(("urgency", word)) }
        if policy.deadlineMs > 0 {
            pairs.append(("deadline", number(Period(milliseconds: Int64(policy.deadlineMs)))))
        }
        // A gate alone is how most people write it.
        if pairs.count == 1, pairs[0].0 == "gate" { return pairs[0].1 }
        return pairs.isEmpty ? Node([(Node, Node)](), Tag(.map), .flow) : mapping(pairs)
    }

    private func rule(_ rule: FermataRule) -> Node {
        var pairs: [(String, Node)] = []
        if !rule.when.isEmpty { pairs.append(("when", Node(rule.when.map(condition), Tag(.seq), .block))) }
        if let gate = word(rule.gate, PolicyWords.gates) { pairs.append(("gate", gate)) }
        return mapping(pairs)
    }

    private func condition(_ condition: FermataCondition) -> Node {
        var pairs: [(Node, Node)] = []
        if !condition.pointer.isEmpty { pairs.append((name("pointer"), text(condition.pointer))) }
        switch condition.test {
        case .equals(let json): pairs.append((name("equals"), (try? JSONValue(parsing: json)).map(value) ?? text(json)))
        case .greater(let number): pairs.append((name("greater"), self.number(number)))
        case .less(let number): pairs.append((name("less"), self.number(number)))
        case .matches(let expression): pairs.append((name("matches"), text(expression)))
        case nil: break
        }
        return Node(pairs, Tag(.map), .flow)
    }

    func workerTool(_ tool: FermataToolSpec) -> Node {
        var pairs = [("name", text(tool.name))]
        if !tool.description_p.isEmpty { pairs.append(("description", text(tool.description_p))) }
        pairs.append(("parameters", parameters(tool.parameters)))
        if tool.idempotent { pairs.append(("idempotent", Node("true", .implicit, .plain))) }
        if !tool.idempotentWhen.isEmpty {
            pairs.append(("idempotent_when", Node(tool.idempotentWhen.map(condition), Tag(.seq), .block)))
        }
        if tool.parallel { pairs.append(("parallel", Node("true", .implicit, .plain))) }
        return mapping(pairs)
    }

    /// As YAML where that is read as the same text again, else as a text.
    private func parameters(_ json: String) -> Node {
        var reading = AgentReading(file: "")
        if let node = try? YAMLDocument.root(of: json, file: ""), reading.json(node, "") == json { return plain(node) }
        return Node(json, Tag(.str), .doubleQuoted)
    }

    /// JSON in YAML's style: without quotes where none are needed, a member a line.
    private func plain(_ node: Node) -> Node {
        switch node {
        case .mapping(let pairs):
            pairs.isEmpty ? node : Node(pairs.map { (plain($0), plain($1)) }, Tag(.map), .block)
        case .sequence(let items): Node(items.map(plain), Tag(.seq), .flow)
        case .scalar(let scalar): scalar.style == .plain ? node : text(scalar.string)
        case .alias: node
        }
    }

    private func value(_ value: JSONValue) -> Node {
        switch value {
        case .string(let string): text(string)
        case .array(let elements): Node(elements.map(self.value), Tag(.seq), .flow)
        case .object(let members):
            Node(
                members.sorted { $0.key < $1.key }.map { (text($0.key), self.value($0.value)) }, Tag(.map), .flow)
        case .null, .bool, .integer, .number: Node(value.jsonText, .implicit, .plain)
        }
    }

    private func name(_ name: String) -> Node { Node(name, Tag(.str)) }

    private func word<Value: Equatable>(_ value: Value, _ words: [(name: String, value: Value)]) -> Node? {
        words.first { $0.value == value }.map { Node($0.name, Tag(.str), .plain) }
    }
}

extension FermataPolicy {
    /// Values that conditions compare with, as reading a file spells them.
    mutating func spellEqualsAsFilesDo() {
        for tool in tools.indices {
            for rule in tools[tool].rules.indices { tools[tool].rules[rule].when.spellEqualsAsFilesDo() }
        }
    }
}

extension [FermataCondition] {
    mutating func spellEqualsAsFilesDo() {
        for index in indices {
            guard case .equals(let json) = self[index].test, let value = try? JSONValue(parsing: json) else { continue }
            self[index].equals = value.jsonText
        }
    }
}
