package import JSON

/// A JSON text as a value, as policies look at it. RFC 8259, strictly; one value, with nothing but white space around it.
///
/// Not JSONDecoder, which needs a microsecond for each element (it throws for every type that an element is not), takes
/// one of several equal keys without a word, and has no place for an error. Arguments come from models: they are whatever
/// they are. What a rule of a policy means rests on this type: its numbers are doubles, for ever.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction and exponent that fits, exactly.
    case integer(Int128)
    /// Any other number, as the nearest double.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// How deep arrays and objects may be nested: `[[]]` is 2 deep. A small thread's stack holds several times that.
    public static let maximumDepth = 64

    /// - Throws: what is wrong and at which byte. Duplicate keys are an error: who shows such a text for approval and
    ///   who acts on it could mean different values.
    public init(parsing text: String) throws(JSONError) {
        try self.init(JSONDocument(asArguments: text))
    }

    /// - Throws: a number that no double is near to; two keys that only differ in how their characters are composed.
    package init(_ document: JSONDocument) throws(JSONError) { try self.init(document, at: 0) }

    /// It recurses as deep as the document is, which is bounded.
    private init(_ document: JSONDocument, at index: Int) throws(JSONError) {
        switch document.kind(index) {
        case .null: self = .null
        case .false: self = .bool(false)
        case .true: self = .bool(true)
        case .string: self = .string(document.text(index))
        case .number:
            let text = document.text(index)
            if let integer = Int128(text) {
                self = .integer(integer)
            } else if let number = Double(text), number.isFinite {
                self = .number(number)
            } else {
                throw JSONError(JSONFault(kind: .numberTooLarge, offset: document.offset(of: index)))
            }
        case .array:
            var elements: [JSONValue] = []
            for element in document.elements(index) { elements.append(try JSONValue(document, at: element)) }
            self = .array(elements)
        case .object:
            var members: [String: JSONValue] = [:]
            for (key, value) in document.members(index) {
                // Keys that Swift takes for equal and JSON does not (see ==) would fall together: they are duplicates.
                guard members.updateValue(try JSONValue(document, at: value), forKey: key) == nil else {
                    throw JSONError(JSONFault(kind: .duplicateKey, offset: document.offset(of: value - 1)))
                }
            }
            self = .object(members)
        }
    }
}

extension JSONValue: Equatable {
    /// Numbers are equal if they are mathematically: `1` and `1.0`.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)):
            Int128(exactly: number) == integer
        // By scalars: Swift's `==` takes "é" in one scalar for "é" in two, JSON does not.
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

/// Why a text is not JSON, or not JSON that is taken here. Never has a part of the text.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    /// Where, in bytes of UTF-8 from the beginning.
    public var offset: Int

    public var description: String { "\(message) at byte \(offset)" }
}

extension JSONError {
    init(_ fault: JSONFault) { self.init(message: fault.message, offset: fault.offset) }
}

extension JSONDocument {
    /// A call's arguments or a person's answer: at most `JSONValue.maximumDepth` deep, and no number beyond a double's,
    /// which many a tool would read as something else.
    init(asArguments text: String) throws(JSONError) {
        do throws(JSONFault) {
            try self.init(parsing: text, maximumDepth: JSONValue.maximumDepth)
            if let place = firstNumberBeyondDoubles {
                throw JSONFault(kind: .numberTooLarge, offset: offset(of: place))
            }
        } catch {
            throw JSONError(error)
        }
    }
}

extension JSONValue {
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
}
