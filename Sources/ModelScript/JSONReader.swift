internal import JSON

/// Why bytes are not JSON, and where: lines and columns start at 1, columns count bytes.
package struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var line: Int
    package var column: Int

    package var description: String { "line \(line), column \(column): \(message)" }

    fileprivate init(_ fault: JSONFault, in bytes: [UInt8]) {
        // An escape that does not exist is shown from its backslash.
        let end = min(fault.kind == .unknownEscape ? fault.offset - 2 : fault.offset, bytes.count)
        let before = bytes[..<end]
        line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        column = end - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        message = fault.words
    }
}

extension JSONFault {
    /// For who writes a script.
    fileprivate var words: String {
        switch kind {
        case .endBeforeValue: "a value is missing"
        case .valueExpected: "a value was expected here"
        case .textAfterValue: "there is something after the end of the value"
        case .keyExpected: "a key in double quotes was expected here"
        case .colonExpected: "a colon was expected after the key"
        case .commaOrBracketExpected: "a comma or the end of the list was expected here"
        case .commaOrBraceExpected: "a comma or the end of the object was expected here"
        case .digitExpected: "a digit was expected here"
        case .endInString: "this string has no end"
        case .controlCharacter: "a control character in a string must be escaped"
        case .unknownEscape: "this escape does not exist"
        case .hexExpected: "four hexadecimal digits were expected here"
        case .notUTF8: "this string is not UTF-8"
        case .tooDeep(let limit): "nested more than \(limit) deep"
        case .leadingZero, .numberTooLarge, .halfSurrogate, .duplicateKey, .tooLong, .nameNotASCII: message
        }
    }
}

extension JSONNode {
    /// Reads one JSON value and nothing after it (RFC 8259). Lone surrogates become U+FFFD; text that is not UTF-8 and
    /// nesting deeper than 128 are errors, so that hostile input can neither pass nor overflow the stack.
    package static func read(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONNode {
        do throws(JSONFault) {
            return try bytes.withUnsafeBufferPointer { (text) throws(JSONFault) in try build(text) }
        } catch {
            throw JSONSyntaxError(error, in: bytes)
        }
    }

    private static func build(_ text: UnsafeBufferPointer<UInt8>) throws(JSONFault) -> JSONNode {
        var tokenizer = JSONTokenizer(text, .init(maximumDepth: 128, refusesHalfSurrogates: false, checksUTF8: true))
        // What is not yet whole: lists, objects and their last keys, each by itself so that appending copies nothing.
        var isObject: [Bool] = []
        var lists: [[JSONNode]] = []
        var objects: [[Member]] = []
        var keys: [String] = []
        var whole = JSONNode.null
        while let token = try next(&tokenizer) {
            let node: JSONNode
            switch token.kind {
            case .null: node = .null
            case .true: node = .bool(true)
            case .false: node = .bool(false)
            case .number: node = .number(String(decoding: text[token.range], as: UTF8.self))
            case .string: node = .string(string(token, text))
            case .array:
                isObject.append(false)
                lists.append([])
                continue
            case .object:
                isObject.append(true)
                objects.append([])
                continue
            case .key:
                keys.append(string(token, text))
                continue
            case .end: node = isObject.removeLast() ? .object(objects.removeLast()) : .array(lists.removeLast())
            }
            switch isObject.last {
            case true?: objects[objects.count - 1].append(Member(keys.removeLast(), node))
            case false?: lists[lists.count - 1].append(node)
            case nil: whole = node
            }
        }
        return whole
    }

    /// A string without an end is told of by its beginning.
    private static func next(_ tokenizer: inout JSONTokenizer) throws(JSONFault) -> JSONToken? {
        do throws(JSONFault) {
            return try tokenizer.next()
        } catch {
            throw error.kind == .endInString ? JSONFault(kind: .endInString, offset: tokenizer.opening) : error
        }
    }

    private static func string(_ token: JSONToken, _ text: UnsafeBufferPointer<UInt8>) -> String {
        guard token.isEscaped else { return String(decoding: text[token.range], as: UTF8.self) }
        var unescaped: [UInt8] = []
        JSONText.appendUnescaped(text[token.range], to: &unescaped)
        return String(decoding: unescaped, as: UTF8.self)
    }
}
