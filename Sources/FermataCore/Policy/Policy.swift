public import FermataProtocol
internal import JSON
internal import SwiftProtobuf

/// When calls may start, as an operator or an agent's author wants it.
extension FermataPolicy {
    /// What the policy has for a tool; nil: nothing.
    public func of(_ tool: String) -> FermataToolPolicy? { tools.first { $0.tool == tool } }

    /// What becomes of a call. Arguments are JSON text; what is no JSON is asked about wherever a condition looks at it.
    public func gate(tool: String, arguments: String) -> FermataGate {
        gate(tool: tool, arguments: arguments, isOldEvent: false)
    }

    /// frozen: what a policy said of a call until events had its verdict. A text with a NUL was matched then.
    func gateOfOldEvent(tool: String, arguments: String) -> FermataGate {
        gate(tool: tool, arguments: arguments, isOldEvent: true)
    }

    private func gate(tool: String, arguments: String, isOldEvent: Bool) -> FermataGate {
        guard let policy = of(tool) else { return .allow }
        return policy.gate(for: policy.rules.isEmpty ? nil : try? JSONValue(parsing: arguments), isOldEvent: isOldEvent)
    }

    /// With the policy of another's tools where this one has none.
    public func over(_ other: FermataPolicy) -> FermataPolicy {
        var policy = self
        policy.tools += other.tools.filter { of($0.tool) == nil }
        return policy
    }

    /// With a rule that comes before all others of the tool, but for those that deny: whoever lets such calls run from
    /// now on was not asked about calls that the policy denies.
    func adding(_ rule: FermataRule, for tool: String) -> FermataPolicy {
        var policy = self
        if let index = policy.tools.firstIndex(where: { $0.tool == tool }) {
            let rules = policy.tools[index].rules
            policy.tools[index].rules = rules.filter { $0.gate == .deny } + [rule] + rules.filter { $0.gate != .deny }
        } else {
            policy.tools.append(
                .with {
                    $0.tool = tool
                    $0.rules = [rule]
                })
        }
        return policy
    }

    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        if Set(tools.map(\.tool)).count != tools.count {
            problems.append(FieldProblem(field: "tools", rule: "must name each tool once"))
        }
        if tools.count > 256 { problems.append(FieldProblem(field: "tools", rule: "must be at most 256")) }
        for (index, tool) in tools.enumerated() { problems += tool.problems.map { $0.inside("tools[\(index)]") } }
        return problems
    }
}

extension FermataToolPolicy {
    fileprivate func gate(for arguments: JSONValue?, isOldEvent: Bool) -> FermataGate {
        for (index, rule) in rules.enumerated() {
            switch rule.applies(to: arguments, isOldEvent) {
            case true?: return rule.gate.orAllow
            case false?: continue
            // A denied call is never asked about, so it matters whether a later rule denies.
            case nil:
                let isDenied = rules[(index + 1)...].contains {
                    $0.gate == .deny && $0.applies(to: arguments, isOldEvent) == true
                }
                return isDenied ? .deny : .ask
            }
        }
        return gate.orAllow
    }

    /// Whether people may ever be asked: also where a condition cannot be evaluated.
    var mayAsk: Bool {
        CoreTool.named(tool)?.asksPeople == true || gate == .ask
            || rules.contains { $0.gate == .ask || !$0.when.isEmpty }
    }

    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        if tool.isEmpty || tool.utf8.count > 64 {
            problems.append(FieldProblem(field: "tool", rule: "must be a tool's name"))
        }
        if rules.count > 100 { problems.append(FieldProblem(field: "rules", rule: "must be at most 100")) }
        for (index, rule) in rules.enumerated() {
            if rule.gate == .unspecified {
                problems.append(FieldProblem(field: "rules[\(index)].gate", rule: "must be ALLOW, ASK or DENY"))
            }
            problems += rule.when.problems.map { $0.inside("rules[\(index)]") }
        }
        return problems
    }
}

extension FermataGate {
    /// What no version up to this one knows, people decide.
    fileprivate var orAllow: FermataGate {
        switch self {
        case .unspecified, .allow: .allow
        case .deny: .deny
        case .ask, .UNRECOGNIZED: .ask
        }
    }
}

extension FermataRule {
    /// Whether all conditions hold; nil if that cannot be told.
    fileprivate func applies(to arguments: JSONValue?, _ isOldEvent: Bool) -> Bool? {
        var isCertain = true
        for condition in when {
            switch arguments.flatMap({ condition.holds(for: $0, isOldEvent: isOldEvent) }) {
            case false?: return false
            case nil: isCertain = false
            case true?: break
            }
        }
        return isCertain ? true : nil
    }
}

extension FermataToolSpec {
    /// Whether executing a call twice does what executing it once does. What cannot be told does not.
    ///
    /// - Parameter arguments: JSON text.
    func isIdempotent(arguments: String) -> Bool {
        if idempotent { return true }
        guard !idempotentWhen.isEmpty, let arguments = try? JSONValue(parsing: arguments) else { return false }
        return idempotentWhen.allSatisfy { $0.holds(for: arguments) == true }
    }
}

extension [FermataCondition] {
    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        if count > 32 { return [FieldProblem(field: "when", rule: "must be at most 32 conditions")] }
        return enumerated().compactMap { index, condition in
            condition.problem.map { FieldProblem(field: "when[\(index)].\($0.field)", rule: $0.rule) }
        }
    }
}

extension FermataCondition {
    public var problem: FieldProblem? {
        guard pointer.isEmpty || pointer.hasPrefix("/"), pointer.utf8.count <= 512 else {
            return FieldProblem(field: "pointer", rule: "must be a JSON pointer: empty, or beginning with '/'")
        }
        switch test {
        case .equals(let text):
            guard text.utf8.count <= 16 << 10, (try? JSONValue(parsing: text)) != nil else {
                return FieldProblem(field: "equals", rule: "must be JSON (a text in quotes) of at most 16 KiB")
            }
        case .greater(let number) where !number.isFinite:
            return FieldProblem(field: "greater", rule: "must be a number")
        case .less(let number) where !number.isFinite:
            return FieldProblem(field: "less", rule: "must be a number")
        case .matches(let text):
            guard let pattern = Pattern(text) else {
                return FieldProblem(
                    field: "matches",
                    rule: "must be a POSIX extended regular expression of at most \(Pattern.maximumLength) bytes, "
                        + "without back-references, and of at most \(Pattern.maximumSize) characters with its counts "
                        + "written out")
            }
            guard pattern.canBeFound else {
                return FieldProblem(
                    field: "matches",
                    rule:
                        "can be found in no text: `^` is the beginning and `$` the end of a text, and `\\$` is a dollar sign"
                )
            }
        case .greater, .less: break
        case nil: return FieldProblem(field: "test", rule: "must be one of equals, greater, less, matches")
        }
        return nil
    }

    /// Whether it holds; nil if the arguments have nothing there, or nothing that can be compared so.
    fileprivate func holds(for arguments: JSONValue, isOldEvent: Bool = false) -> Bool? {
        arguments[pointer: pointer].flatMap { isTrue(of: $0, isOldEvent: isOldEvent) }
    }

    /// Whether it holds for what its pointer points at; nil if that cannot be compared so.
    func isTrue(of value: JSONValue, isOldEvent: Bool = false) -> Bool? {
        switch test {
        case .equals(let text): return (try? JSONValue(parsing: text)).map { $0 == value }
        case .greater(let number): return value.isNumber ? JSONValue.number(number).isLess(than: value) : nil
        case .less(let number): return value.isNumber ? value.isLess(than: .number(number)) : nil
        case .matches(let text):
            guard case .string(let string) = value, let pattern = Pattern(text) else { return nil }
            // No character of POSIX: what reads such a text as C does sees only its beginning.
            if !isOldEvent, string.utf8.contains(0) { return nil }
            return pattern.isFound(in: string)
        case nil: return nil
        }
    }
}

extension JSONValue {
    fileprivate var isNumber: Bool {
        switch self {
        case .integer, .number: true
        default: false
        }
    }

    /// What a JSON pointer (RFC 6901) points at; nil if there is nothing.
    subscript(pointer pointer: String) -> JSONValue? {
        var value = self
        guard let names = JSONPointer.parts(pointer) else { return nil }
        for name in names {
            switch value {
            case .object(let members):
                guard let member = members[name] else { return nil }
                value = member
            case .array(let elements):
                guard let index = JSONPointer.index(name), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }
}
