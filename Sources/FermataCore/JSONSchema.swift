/// The part of JSON Schema (2020-12) with which tools describe their arguments and questions the answers they expect.
///
/// Keywords: `type` (one or a list), `enum`, `const`, `properties`, `required`, `additionalProperties` (true or false),
/// `items`, `minItems`, `maxItems`, `minLength`, `maxLength` (Unicode scalars), `minimum`, `maximum`. As there, a
/// keyword says nothing about values of a type that it is not for. Annotations are ignored: `title`, `description`,
/// `default`, `examples`, `format`, `$schema`, `$id`, `$comment`, `deprecated`, `readOnly`, `writeOnly`. Anything else
/// is an error when the schema is parsed: a condition that is not checked must not look as if it were.
public struct JSONSchema: Sendable {
    enum ValueType: String, CaseIterable {
        case null, boolean, integer, number, string, array, object
    }

    var types: Set<ValueType>?
    var allowed: [JSONValue]?
    var properties: [String: JSONSchema] = [:]
    var required: [String] = []
    var allowsOtherProperties = true
    /// One element, or none: a struct cannot hold itself otherwise.
    var items: [JSONSchema] = []
    var minItems = 0
    var maxItems = Int.max
    var minLength = 0
    var maxLength = Int.max
    var minimum: JSONValue?
    var maximum: JSONValue?

    public init(parsing text: String) throws(JSONSchemaError) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text)
        } catch {
            throw JSONSchemaError(code: .notJSON, pointer: "", detail: error.description)
        }
        try self.init(value)
    }

    public init(_ schema: JSONValue) throws(JSONSchemaError) { try self.init(schema, at: "") }
}

/// What is wrong with a schema, and where.
public struct JSONSchemaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Open: more may come.
    public struct Code: Sendable, Hashable, RawRepresentable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let notJSON = Code(rawValue: "notJSON")
        /// A keyword that is not checked here.
        public static let unsupportedKeyword = Code(rawValue: "unsupportedKeyword")
        /// A keyword's value is not what the keyword takes.
        public static let badKeyword = Code(rawValue: "badKeyword")
    }

    public var code: Code
    /// JSON pointer to the keyword.
    public var pointer: String
    public var detail: String

    public var description: String { "the schema at \(pointer.isEmpty ? "its root" : pointer): \(detail)" }
}

// MARK: - Parsing

extension JSONSchema {
    private static let annotations: Set<String> = [
        "title", "description", "default", "examples", "format", "$schema", "$id", "$comment", "deprecated", "readOnly",
        "writeOnly",
    ]

    private init(_ schema: JSONValue, at pointer: String) throws(JSONSchemaError) {
        guard case .object(let keywords) = schema else {
            throw JSONSchemaError(code: .badKeyword, pointer: pointer, detail: "a schema must be an object")
        }
        // Sorted, so that of several errors always the same is told.
        for (keyword, value) in keywords.sorted(by: { $0.key < $1.key }) {
            try take(Keyword(name: keyword, value: value, pointer: pointer + "/" + JSONPointer.escaped(keyword)))
        }
    }

    private mutating func take(_ keyword: Keyword) throws(JSONSchemaError) {
        switch keyword.name {
        case "type":
            types = []
            for name in try keyword.stringOrStrings() {
                guard let type = ValueType(rawValue: name) else {
                    throw keyword.error("must be one of \(ValueType.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                types?.insert(type)
            }
        case "enum":
            guard case .array(let values) = keyword.value else { throw keyword.error("must be an array") }
            restrict(to: values)
        case "const": restrict(to: [keyword.value])
        case "properties":
            guard case .object(let members) = keyword.value else { throw keyword.error("must be an object") }
            for (name, schema) in members.sorted(by: { $0.key < $1.key }) {
                properties[name] = try JSONSchema(schema, at: keyword.pointer + "/" + JSONPointer.escaped(name))
            }
        case "required": required = try keyword.strings()
        case "additionalProperties":
            guard case .bool(let allows) = keyword.value else { throw keyword.error("must be true or false") }
            allowsOtherProperties = allows
        case "items": items = [try JSONSchema(keyword.value, at: keyword.pointer)]
        case "minItems": minItems = try keyword.count()
        case "maxItems": maxItems = try keyword.count()
        case "minLength": minLength = try keyword.count()
        case "maxLength": maxLength = try keyword.count()
        case "minimum": minimum = try keyword.number()
        case "maximum": maximum = try keyword.number()
        case let name where JSONSchema.annotations.contains(name): break
        default:
            throw JSONSchemaError(
                code: .unsupportedKeyword, pointer: keyword.pointer, detail: "this keyword is not supported")
        }
    }

    /// `enum` and `const` together: what both allow.
    private mutating func restrict(to values: [JSONValue]) {
        allowed = allowed.map { allowed in allowed.filter(values.contains) } ?? values
    }
}

/// One member of a schema, and what its value may be.
private struct Keyword {
    var name: String
    var value: JSONValue
    var pointer: String

    func error(_ detail: String) -> JSONSchemaError {
        JSONSchemaError(code: .badKeyword, pointer: pointer, detail: detail)
    }

    func strings() throws(JSONSchemaError) -> [String] {
        guard case .array(let values) = value else { throw error("must be an array of strings") }
        var strings: [String] = []
        for value in values {
            guard case .string(let string) = value else { throw error("must be an array of strings") }
            strings.append(string)
        }
        return strings
    }

    func stringOrStrings() throws(JSONSchemaError) -> [String] {
        if case .string(let string) = value { return [string] }
        return try strings()
    }

    func count() throws(JSONSchemaError) -> Int {
        guard let integer = value.integerValue, integer >= 0 else { throw error("must be an integer, 0 or more") }
        return Int(clamping: integer)
    }

    func number() throws(JSONSchemaError) -> JSONValue {
        switch value {
        case .integer, .number: return value
        default: throw error("must be a number")
        }
    }
}

// MARK: - Validation

extension JSONSchema {
    /// More would not help whoever has to correct the value.
    public static let maximumMessages = 20

    /// What is wrong with the value: nothing, or a message for each place, which names the place by its JSON pointer
    /// and says what was expected there. Says nothing of what was found: the value may be a secret.
    public func validate(_ value: JSONValue) -> [String] {
        var messages: [String] = []
        validate(value, at: "", &messages)
        return messages
    }

    private func validate(_ value: JSONValue, at pointer: String, _ messages: inout [String]) {
        func expect(_ isMet: Bool, _ expectation: @autoclosure () -> String) {
            if isMet || messages.count >= JSONSchema.maximumMessages { return }
            messages.append("\(pointer.isEmpty ? "the value" : pointer) must \(expectation())")
        }
        if let types, !types.contains(where: { $0.includes(value) }) {
            let expected = ValueType.allCases.filter(types.contains).map(\.withArticle)
            return expect(false, "be " + expected.joined(separator: " or "))
        }
        if let allowed { expect(allowed.contains(value), "be " + JSONSchema.list(allowed)) }
        switch value {
        case .string(let string):
            let count = string.unicodeScalars.count
            expect(count >= minLength, "have at least \(minLength) characters")
            expect(count <= maxLength, "have at most \(maxLength) characters")
        case .integer, .number:
            if let minimum { expect(!value.isLess(than: minimum), "be at least \(minimum.text)") }
            if let maximum { expect(!maximum.isLess(than: value), "be at most \(maximum.text)") }
        case .array(let elements):
            expect(elements.count >= minItems, "have at least \(minItems) items")
            expect(elements.count <= maxItems, "have at most \(maxItems) items")
            guard let items = items.first else { return }
            for (index, element) in elements.enumerated() where messages.count < JSONSchema.maximumMessages {
                items.validate(element, at: "\(pointer)/\(index)", &messages)
            }
        case .object(let members):
            for name in required { expect(members[name] != nil, "have the member \(JSONPointer.quoted(name))") }
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                let place = pointer + "/" + JSONPointer.escaped(name)
                if let schema = properties[name] {
                    schema.validate(member, at: place, &messages)
                } else if !allowsOtherProperties && messages.count < JSONSchema.maximumMessages {
                    let known = properties.keys.sorted().map(JSONPointer.quoted).joined(separator: ", ")
                    messages.append("\(place) is not expected; \(known.isEmpty ? "no member is" : "known: \(known)")")
                }
            }
        case .null, .bool: break
        }
    }

    private static func list(_ allowed: [JSONValue]) -> String {
        let shown = allowed.prefix(20).map(\.text).joined(separator: ", ")
        return (allowed.count == 1 ? "" : "one of ") + shown + (allowed.count > 20 ? ", …" : "")
    }
}

extension JSONSchema.ValueType {
    fileprivate func includes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.null, .null), (.boolean, .bool), (.string, .string), (.array, .array), (.object, .object): true
        case (.number, .integer), (.number, .number), (.integer, .integer): true
        // 1.0 is an integer, as the specification says.
        case (.integer, .number(let number)): number.rounded() == number
        default: false
        }
    }

    var withArticle: String {
        switch self {
        case .null: "null"
        case .integer, .array, .object: "an " + rawValue
        case .boolean, .number, .string: "a " + rawValue
        }
    }
}

extension JSONValue {
    var integerValue: Int128? {
        switch self {
        case .integer(let integer): integer
        case .number(let number): Int128(exactly: number)
        default: nil
        }
    }

    /// Of two numbers, exactly; false for anything else.
    func isLess(than other: JSONValue) -> Bool {
        switch (self, other) {
        case (.integer(let left), .integer(let right)): left < right
        case (.number(let left), .number(let right)): left < right
        // Between integers there is nothing: the double's next integer decides. One out of range is beyond them all.
        case (.integer(let left), .number(let right)):
            Int128(exactly: right.rounded(.up)).map { left < $0 } ?? (right > 0)
        case (.number(let left), .integer(let right)):
            Int128(exactly: left.rounded(.down)).map { $0 < right } ?? (left < 0)
        default: false
        }
    }

    /// For values of a schema, in messages.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let bool): "\(bool)"
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .string(let string): JSONPointer.quoted(string)
        case .array: "the array in the schema"
        case .object: "the object in the schema"
        }
    }
}

/// Names in pointers and messages: whatever they are made of, they take one short line.
private enum JSONPointer {
    private static let maximumLength = 64

    static func escaped(_ name: String) -> String {
        let shown = shown(name)
        guard shown.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return shown }
        return shown.replacing("~", with: "~0").replacing("/", with: "~1")
    }

    static func quoted(_ name: String) -> String { "\"\(shown(name))\"" }

    private static func shown(_ name: String) -> String {
        if name.utf8.count <= maximumLength, name.utf8.allSatisfy({ 32...126 ~= $0 }) { return name }
        var shown = String.UnicodeScalarView(name.unicodeScalars.prefix(maximumLength).map {
            $0.properties.generalCategory == .control ? "\u{FFFD}" : $0
        })
        if name.unicodeScalars.dropFirst(maximumLength).first != nil { shown.append("…") }
        return String(shown)
    }
}
