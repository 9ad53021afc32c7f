internal import JSON

/// A JSON value as it was written: members keep their order, numbers their digits.
///
/// Scripts and chat requests are read with it rather than with `JSONDecoder`, because a mistake in a script must be
/// named by line and column, and because a tool call's arguments go out in the order in which they were written.
package enum JSONNode: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The exact digits, checked against JSON's grammar.
    case number(String)
    case string(String)
    case array([JSONNode])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSONNode

        package init(_ key: String, _ value: JSONNode) {
            self.key = key
            self.value = value
        }
    }

    /// The member of this name; the last one if it is given twice; nil if this is not an object.
    package subscript(key: String) -> JSONNode? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var integer: Int64? {
        if case .number(let digits) = self { Int64(digits) } else { nil }
    }

    package var elements: [JSONNode]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// What kind of value this is, as a person would say it.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }

    package static func integer(_ value: some BinaryInteger) -> JSONNode { .number("\(value)") }
    package static func optional(_ value: (some BinaryInteger)?) -> JSONNode { value.map { .number("\($0)") } ?? .null }
    package static func optional(_ value: String?) -> JSONNode { value.map { .string($0) } ?? .null }
}

extension JSONNode {
    /// The value as JSON without white space.
    package var json: String {
        var writer = JSONWriter()
        append(to: &writer)
        return writer.text
    }

    private func append(to json: inout JSONWriter) {
        switch self {
        case .null: json.append("null")
        case .bool(let value): json.append(value ? "true" : "false")
        case .number(let digits): json.append(json: digits)
        case .string(let text): json.append(string: text)
        case .array(let elements): json.append(list: elements) { $0.append(to: &$1) }
        case .object(let members):
            json.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                json.append(string: member.key)
                json.append(UInt8(ascii: ":"))
                member.value.append(to: &json)
            }
            json.append(UInt8(ascii: "}"))
        }
    }
}
