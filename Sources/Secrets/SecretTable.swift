internal import Foundation

/// The values that nobody outside may be shown, made ready to be found in texts of any size in linear time.
///
/// Each is found as it is and with any of its characters escaped, mixed at will:
///
/// - percent-encoded (`%2F`, `%2f`), and what this makes of it when it is encoded again (`%252F`);
/// - as in a JSON string (`\/`, `\"`, `\n`, `\u002f`), up to three times;
/// - with a backslash before a punctuation mark, as in Markdown, in a shell and in string literals;
/// - with `+` for each space, as in a form;
/// - in base64 (both alphabets) and in hexadecimal, alone or within what was encoded with it, as in `Basic` credentials.
///   Of base64 a character at each end may stay: it also stands for the neighbour.
///
/// Whether an escape in a text is one, or stands for itself because the value has these very characters, nobody can tell:
/// both are looked for. A value that itself has escapes (a password out of a URL) is also found as it reads with them
/// read. What is encoded otherwise (base64 in lines, a JSON string that is percent-encoded) is not found, and neither are
/// characters beyond U+FFFF as pairs of `\u`: this protects from accidents, not from intent.
///
/// Immutable: any thread. Copies share everything. It takes some 300 bytes for each byte of the values, and 10 kB.
public struct SecretTable: Sendable {
    /// Values that are shorter are not masked: a password "test" would make every text unreadable, and hides nothing.
    public static let minimumLength = 8

    /// Finds nothing.
    public static let none = SecretTable([])

    /// Nil: there is nothing to find.
    let automaton: SecretAutomaton?

    /// - Parameter secrets: values as they are; white space around them does not count. Those of fewer than
    ///   `minimumLength` bytes are left out.
    public init(_ secrets: some Sequence<String>) {
        let values = Set(secrets.flatMap { SecretTable.forms(of: Array(SecretTable.trimmed($0).utf8)) })
            .filter { $0.count >= SecretTable.minimumLength }
        automaton = values.isEmpty ? nil : SecretAutomaton(values)
    }

    public var isEmpty: Bool { automaton == nil }

    /// The whole of a text, with `****` in place of each value.
    ///
    /// A beginning of a value at the end of the text is masked as well if it is long enough to be one.
    public func masked(_ text: String) -> String {
        if isEmpty { return text }
        var mask = SecretMask(self)
        let passed: String = mask.mask(text)
        return passed + mask.finish()
    }

    /// What a value is looked for as. What only escapes some of its characters goes without saying.
    private static func forms(of value: [UInt8]) -> [[UInt8]] {
        let (percent, json) = (read(value, "%"), read(value, "\\"))
        let forms = [value, percent, json, read(json, "%"), read(percent, "\\")]
        let space = UInt8(ascii: " ")
        let inForms = forms.filter { $0.contains(space) }.map { $0.map { $0 == space ? UInt8(ascii: "+") : $0 } }
        return forms + inForms + (value.count < minimumLength ? [] : base64(value) + hexadecimal(value))
    }

    /// The characters of base64 (RFC 4648) that a value alone decides: which these are depends on how many bytes stand
    /// before it.
    private static func base64(_ value: [UInt8]) -> [[UInt8]] {
        (0..<3).flatMap { before in
            let all = Array(Data([UInt8](repeating: 0, count: before) + value).base64EncodedString().utf8)
            let (first, end) = ((before * 8 + 5) / 6, (before + value.count) * 8 / 6)
            let standard = Array(all[first..<end])
            let url = standard.map {
                $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
            }
            return [standard, url]
        }
    }

    private static func hexadecimal(_ value: [UInt8]) -> [[UInt8]] {
        ["0123456789abcdef", "0123456789ABCDEF"].map { alphabet in
            let digits = Array(alphabet.utf8)
            return value.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        }
    }

    /// A value with those of its own escapes read, once, that begin so.
    private static func read(_ value: [UInt8], _ first: Unicode.Scalar) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        while position < value.count {
            let byte = value[position]
            position += 1
            if byte == UInt8(ascii: first), let (read, length) = Escape.read(byte, value[position...]) {
                result += read
                position += length
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private static func trimmed(_ text: String) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...end]
    }
}

extension SecretTable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { isEmpty ? "no secrets" : "secrets" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["secrets": description]) }
}
