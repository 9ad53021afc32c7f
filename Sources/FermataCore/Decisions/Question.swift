public import FermataProtocol
internal import JSON
internal import SwiftProtobuf

/// Questions to people, and what their answers look like.
extension FermataQuestion {
    /// What makes it no question; nil: it is one.
    public var problem: FieldProblem? {
        guard !question.isEmpty, question.utf8.count <= 64 << 10 else {
            return FieldProblem(field: "question", rule: "must have 1 to 65536 bytes")
        }
        guard context.utf8.count <= 256 << 10 else {
            return FieldProblem(field: "context", rule: "must have at most 262144 bytes")
        }
        if let problem = format.problem { return problem.inside("format") }
        if deadlineMs == 0, atDeadline == .rejectIt || atDeadline == .default {
            return FieldProblem(field: "deadline_ms", rule: "must be given for something to happen then")
        }
        if atDeadline == .unspecified, deadlineMs > 0 || !defaultAnswer.isEmpty {
            return FieldProblem(
                field: "at_deadline", rule: "must say what happens at the deadline: NEVER, REJECT_IT or DEFAULT")
        }
        guard atDeadline == .default else { return nil }
        return format.accepts(defaultAnswer)
            ? nil : FieldProblem(field: "default_answer", rule: "must be \(format.shape)")
    }

    /// The question of a call of ask_human, whose arguments fit its schema.
    init(askHuman arguments: JSONValue) {
        self.init()
        func text(_ name: String) -> String {
            if case .string(let text)? = arguments[pointer: "/" + name] { text } else { "" }
        }
        question = text("question")
        context = text("context")
        urgency =
            switch text("urgency") {
            case "low": .low
            case "high": .high
            case "critical": .critical
            default: .normal
            }
        if case .array(let choices)? = arguments[pointer: "/choices"] {
            format.choices = choices.compactMap { if case .string(let choice) = $0 { choice } else { nil } }
        }
        // Generators fill in what was left out: a schema of null, or an empty one, is none where no JSON is asked for.
        let schema = arguments[pointer: "/schema"] ?? .null
        if schema != .null, text("format") == "json" || schema != .object([:]) { format.schema = schema.jsonText }
        format.form =
            switch text("format") {
            case "yes_no": .yesNo
            case "choice": .choice
            case "json": .json
            case "": format.schema.isEmpty ? format.choices.isEmpty ? .freeText : .choice : .json
            default: .freeText
            }
    }
}

extension FermataAnswerFormat {
    /// Bytes of an answer at most.
    public static let maximumAnswerBytes = 1 << 20

    /// What makes it no format; nil: it is one.
    public var problem: FieldProblem? {
        switch form {
        case .choice:
            guard (1...100).contains(choices.count), Set(choices).count == choices.count,
                choices.allSatisfy({ (1...1024).contains($0.utf8.count) })
            else {
                return FieldProblem(field: "choices", rule: "must be 1 to 100 different texts of at most 1024 bytes")
            }
        case .json:
            guard schema.utf8.count <= 16 << 10 else {
                return FieldProblem(field: "schema", rule: "must have at most 16384 bytes")
            }
            do {
                if !schema.isEmpty { _ = try JSONSchema(parsing: schema) }
            } catch {
                return FieldProblem(field: "schema", rule: "cannot be used: \(error)")
            }
        case .unspecified, .freeText, .yesNo, .UNRECOGNIZED: break
        }
        if form != .choice, !choices.isEmpty {
            return FieldProblem(field: "choices", rule: "must be empty unless it is a choice")
        }
        if form != .json, !schema.isEmpty {
            return FieldProblem(field: "schema", rule: "must be empty unless it is JSON")
        }
        return nil
    }

    /// Whether a text is an answer.
    public func accepts(_ answer: String) -> Bool {
        guard !answer.isEmpty, answer.utf8.count <= Self.maximumAnswerBytes else { return false }
        switch form {
        case .yesNo: return answer == "yes" || answer == "no"
        // By bytes: Swift's `==` takes different spellings of a character for the same.
        case .choice: return choices.contains { $0.utf8.elementsEqual(answer.utf8) }
        case .json:
            guard let value = try? JSONDocument(asArguments: answer) else { return false }
            return schema.isEmpty || (try? ParsedSchemas.shared.schema(schema).accepts(value)) == true
        case .unspecified, .freeText, .UNRECOGNIZED: return true
        }
    }

    /// What an answer must be, for a person; nothing of any answer is in it.
    public var shape: String {
        switch form {
        case .yesNo: "`yes` or `no`"
        case .choice: "one of the ask's choices, word for word"
        case .json where schema.isEmpty: "JSON"
        case .json: "JSON that fits the ask's schema"
        case .unspecified, .freeText, .UNRECOGNIZED: "a text of 1 to \(Self.maximumAnswerBytes) bytes"
        }
    }
}

extension JSONValue {
    /// As JSON text, without white space; members in the order of their names.
    public var jsonText: String {
        switch self {
        case .null: "null"
        case .bool(let bool): "\(bool)"
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .string(let string): string.jsonQuoted
        case .array(let elements): "[\(elements.map(\.jsonText).joined(separator: ","))]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\($0.key.jsonQuoted):\($0.value.jsonText)" }
                .joined(separator: ",") + "}"
        }
    }
}

extension String {
    fileprivate var jsonQuoted: String {
        var quoted = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
