internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf
internal import Yams

/// Policies: `policy` of an agent's file, or a file of its own.
extension AgentReading {
    mutating func policy(_ node: Node, in parent: String) -> FermataPolicy {
        guard case .mapping(let mapping) = node else {
            wrong(node, parent, "must have tools, each with allow, ask, deny, or rules")
            return FermataPolicy()
        }
        var policy = FermataPolicy()
        for (key, value) in mapping {
            let shownKey = AgentReading.join(parent, shown(key.scalar?.string ?? "a tool"))
            guard let name = text(key, shownKey) else { continue }
            let whole = AgentReading.join(parent, shown(name))
            lines[whole] = key.mark?.line
            policy.tools.append(toolPolicy(value, whole, tool: name))
        }
        return policy
    }

    private mutating func toolPolicy(_ node: Node, _ parent: String, tool: String) -> FermataToolPolicy {
        var policy = FermataToolPolicy.with { $0.tool = tool }
        if case .scalar = node {
            policy.gate = word(node, parent, PolicyWords.gates) ?? .unspecified
            return policy
        }
        for (key, value) in members(of: node, AgentKeys.toolPolicy, in: parent) {
            switch String(key.dropFirst(parent.count + 1)) {
            case "gate": policy.gate = word(value, key, PolicyWords.gates) ?? .unspecified
            case "rules": policy.rules = items(value, key, "rules").map { rule($0.node, $0.key) }
            case "when_unknown": policy.whenUnknown = word(value, key, PolicyWords.whenUnknown) ?? .unspecified
            case "urgency": policy.urgency = word(value, key, PolicyWords.urgencies) ?? .unspecified
            case "deadline": policy.deadlineMs = milliseconds(value, key)
            default: break
            }
        }
        return policy
    }

    private mutating func rule(_ node: Node, _ parent: String) -> FermataRule {
        var rule = FermataRule()
        for (key, value) in members(of: node, AgentKeys.rule, in: parent) {
            switch String(key.dropFirst(parent.count + 1)) {
            case "when": rule.when = conditions(value, key)
            case "gate": rule.gate = word(value, key, PolicyWords.gates) ?? .unspecified
            default: break
            }
        }
        return rule
    }

    mutating func conditions(_ node: Node, _ key: String) -> [FermataCondition] {
        items(node, key, "conditions").map { condition($0.node, $0.key) }
    }

    private mutating func condition(_ node: Node, _ parent: String) -> FermataCondition {
        var condition = FermataCondition()
        var tests = 0
        for (key, value) in members(of: node, AgentKeys.condition, in: parent) {
            let name = String(key.dropFirst(parent.count + 1))
            if name != "pointer" { tests += 1 }
            switch name {
            case "pointer": condition.pointer = text(value, key) ?? ""
            case "equals": condition.equals = json(value, key).flatMap { canonical($0, value, key) } ?? "null"
            case "greater": condition.greater = number(value, key) ?? 0
            case "less": condition.less = number(value, key) ?? 0
            case "matches": condition.matches = text(value, key) ?? ""
            default: break
            }
        }
        if tests > 1 { wrong(node, parent, "must have one of equals, greater, less, matches, and no two of them") }
        return condition
    }

    /// The rules that the server has too.
    mutating func noteProblems(of policy: FermataPolicy, in parent: String) {
        for problem in policy.problems { note(problem, of: nil, in: parent) }
        for tool in policy.tools {
            for problem in tool.problems { note(problem, of: tool.tool, in: parent) }
        }
    }

    private mutating func note(_ problem: FieldProblem, of tool: String?, in parent: String) {
        guard let tool else {
            // Those of single tools are told by the tools' names.
            if problem.field == "tools" { note(parent, problem.rule) }
            return
        }
        let key = AgentReading.join(parent, shown(tool))
        switch problem.field {
        case "tool": note(key, problem.rule)
        case let field where field.hasSuffix(".gate"): note("\(key).\(field)", "must be \(list(PolicyWords.gates))")
        case let field where field.hasSuffix(".test"): note("\(key).\(field.dropLast(5))", problem.rule)
        case "deadline_ms":
            note("\(key).deadline", "is how long people are asked for, and no gate here is ask; it limits no call")
        case let field: note("\(key).\(field)", problem.rule)
        }
    }

    mutating func milliseconds(_ node: Node, _ key: String) -> UInt32 {
        guard let period = plain(node).flatMap(Period.init), let milliseconds = UInt32(exactly: period.milliseconds)
        else {
            wrong(node, key, "must be a period of at most 49 days, such as 90s, 30m, 2h or 1h30m")
            return 0
        }
        return milliseconds
    }

    /// One of some words.
    private mutating func word<Value>(_ node: Node, _ key: String, _ words: [(name: String, value: Value)]) -> Value? {
        if let plain = node.scalar?.string, let word = words.first(where: { $0.name == plain }) { return word.value }
        wrong(node, key, "must be \(list(words))")
        return nil
    }

    private func list<Value>(_ words: [(name: String, value: Value)]) -> String {
        words.dropLast().map(\.name).joined(separator: ", ") + " or " + (words.last?.name ?? "")
    }

    /// The items of a list, with their names.
    mutating func items(_ node: Node, _ key: String, _ what: String) -> [(key: String, node: Node)] {
        guard case .sequence(let sequence) = node else {
            wrong(node, key, "must be a list of \(what)")
            return []
        }
        return sequence.enumerated().map { index, item in
            lines["\(key)[\(index)]"] = item.mark?.line
            return ("\(key)[\(index)]", item)
        }
    }
}

/// What the values of a policy are called in a file.
enum PolicyWords {
    static let gates: [(name: String, value: FermataGate)] = [("allow", .allow), ("ask", .ask), ("deny", .deny)]
    static let whenUnknown: [(name: String, value: FermataWhenUnknown)] = [
        ("ask_people", .askPeople), ("tell_model", .tellModel),
    ]
    static let urgencies: [(name: String, value: FermataUrgency)] = [
        ("low", .low), ("normal", .normal), ("high", .high), ("critical", .critical),
    ]
}
