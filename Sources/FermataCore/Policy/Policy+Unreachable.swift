public import FermataProtocol
internal import JSON
internal import SwiftProtobuf

/// What of a policy can never act: a guard that cannot act is no guard, and whoever sets it is to hear so. It is looked
/// at where a policy comes in and nowhere else: what is in a journal is folded as it is.
extension FermataPolicy {
    /// The first tool that does not exist, condition that no call can fulfil, or time to answer where nobody is asked.
    ///
    /// - Parameters:
    ///   - tools: those that are known, with what they take.
    ///   - others: names of some others, one of which may have been meant.
    ///   - isTool: whether there is another one of this name.
    ///   - old: what is set already: tools of which nothing changes are not looked at again.
    public func unreachable(
        tools known: [FermataToolSpec], others: [String] = [], isTool: (String) -> Bool = { _ in false },
        old: FermataPolicy = .init()
    ) -> FieldProblem? {
        for (index, policy) in tools.enumerated() where old.of(policy.tool) != policy {
            let field = "tools[\(index)]"
            if policy.deadlineMs > 0, !policy.mayAsk {
                return FieldProblem(
                    field: "\(field).deadline_ms",
                    rule: "is how long people are asked for, and no gate here is ASK; it limits no call")
            }
            if let spec = known.first(where: { $0.name == policy.tool }) {
                if let problem = policy.unreachable(for: spec) { return problem.inside(field) }
            } else if !isTool(policy.tool) {
                return .noSuchTool(policy.tool, among: known.map(\.name) + others, field: "\(field).tool")
            }
        }
        return nil
    }
}

extension FermataToolPolicy {
    fileprivate func unreachable(for spec: FermataToolSpec) -> FieldProblem? {
        for (index, rule) in rules.enumerated() {
            if let problem = rule.when.unreachable(for: spec) { return problem.inside("rules[\(index)]") }
            if let earlier = rules[..<index].firstIndex(where: { $0.when.isFor(whatever: rule.when) }) {
                let what =
                    rules[earlier].when.isEmpty
                    ? earlier == index - 1
                        ? "the rule before it is for every call" : "rules[\(earlier)] is for every call"
                    : "rules[\(earlier)] is for all calls that this one is for"
                return FieldProblem(field: "rules[\(index)]", rule: "is never come to: \(what)")
            }
        }
        if let last = rules.last, last.when.isEmpty, gate != .unspecified, gate != last.gate {
            return FieldProblem(field: "gate", rule: "is never come to: the last rule is for every call")
        }
        return nil
    }
}

extension [FermataCondition] {
    /// The first condition that no call of the tool can fulfil, because its arguments are never so.
    public func unreachable(for spec: FermataToolSpec) -> FieldProblem? {
        // One that cannot be used lets no call run.
        guard !isEmpty, let schema = try? ParsedSchemas.shared.schema(spec.parameters) else { return nil }
        for (index, condition) in enumerated() {
            guard let problem = condition.unreachable(for: schema, of: spec.name) else { continue }
            return problem.inside("when[\(index)]")
        }
        return contradiction
    }

    /// Whether every call that fulfils those fulfils these.
    fileprivate func isFor(whatever others: [FermataCondition]) -> Bool {
        allSatisfy { condition in others.contains { $0.implies(condition) } }
    }

    /// Two conditions on one place that no value fulfils together.
    private var contradiction: FieldProblem? {
        for (index, condition) in enumerated() {
            for other in prefix(index) where other.pointer == condition.pointer && condition.excludes(other) {
                return FieldProblem(
                    field: "when[\(index)]", rule: "can never hold together with another one of the same place")
            }
        }
        return nil
    }
}

extension FermataCondition {
    fileprivate func unreachable(for schema: JSONSchema, of tool: String) -> FieldProblem? {
        switch schema.place(at: pointer) {
        case .anything: return nil
        case .nothing(let beside, let parent):
            let name = String(pointer.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
            let hint = nearest(to: name, among: beside).map { "; did you mean \(parent)/\($0)?" } ?? ""
            return FieldProblem(field: "pointer", rule: "points at nothing that \(tool) takes\(hint)")
        case .value(let place):
            switch test {
            case .greater where !place.takes(.number):
                return FieldProblem(field: "greater", rule: "can never hold: what is there is no number")
            case .less where !place.takes(.number):
                return FieldProblem(field: "less", rule: "can never hold: what is there is no number")
            case .matches where !place.takes(.string):
                return FieldProblem(field: "matches", rule: "can never hold: what is there is no text")
            case .equals(let json):
                guard let value = try? JSONDocument(asArguments: json), !place.accepts(value) else { return nil }
                return FieldProblem(
                    field: "equals",
                    rule: "can never hold: \(tool) does not take this value there (a text is in quotes)")
            case let test? where place.allowed.map({ !$0.contains(where: isTrue(ofJSON:)) }) ?? false:
                return FieldProblem(
                    field: test.name, rule: "can never hold: it holds for no value that \(tool) takes there")
            case .greater(let number):
                guard let most = place.maximum, let limit = try? JSONValue(parsing: most),
                    !JSONValue.number(number).isLess(than: limit)
                else { return nil }
                return FieldProblem(field: "greater", rule: "can never hold: \(tool) takes at most \(most) there")
            case .less(let number):
                guard let least = place.minimum, let limit = try? JSONValue(parsing: least),
                    !limit.isLess(than: .number(number))
                else { return nil }
                return FieldProblem(field: "less", rule: "can never hold: \(tool) takes at least \(least) there")
            case .matches, nil: return nil
            }
        }
    }

    private func isTrue(ofJSON json: String) -> Bool {
        (try? JSONValue(parsing: json)).map { isTrue(of: $0) == true } ?? false
    }

    /// Whether every value that fulfils this fulfils the other.
    fileprivate func implies(_ other: FermataCondition) -> Bool {
        guard pointer == other.pointer else { return false }
        return switch (test, other.test) {
        case (.equals(let one)?, _?): (try? JSONValue(parsing: one)).map { other.isTrue(of: $0) == true } ?? false
        case (.greater(let least)?, .greater(let lower)?): least >= lower
        case (.less(let most)?, .less(let higher)?): most <= higher
        case (let one, let two): one == two
        }
    }

    /// Whether no value fulfils both.
    fileprivate func excludes(_ other: FermataCondition) -> Bool {
        switch (test, other.test) {
        case (.equals(let one)?, _):
            guard let value = try? JSONValue(parsing: one) else { return false }
            return other.test != nil && other.isTrue(of: value) != true
        case (_, .equals?): return other.excludes(self)
        case (.greater(let least)?, .less(let most)?), (.less(let most)?, .greater(let least)?): return least >= most
        default: return false
        }
    }
}

extension FermataCondition.OneOf_Test {
    fileprivate var name: String {
        switch self {
        case .equals: "equals"
        case .greater: "greater"
        case .less: "less"
        case .matches: "matches"
        }
    }
}

extension FieldProblem {
    /// A name that no tool has: which there are, and which one was meant.
    public static func noSuchTool(_ name: String, among known: [String], field: String) -> FieldProblem {
        // Anything can be in what is no name.
        let shown =
            FermataAgent.isName(name) ? "'\(name)', and there is no tool of this name" : "what no tool is called"
        let hint = nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
        let list = known.prefix(32).joined(separator: ", ") + (known.count > 32 ? ", and \(known.count - 32) more" : "")
        return FieldProblem(field: field, rule: "names \(shown)\(hint) (tools: \(list))")
    }
}
