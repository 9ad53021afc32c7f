/// The values that nobody outside may be shown, made ready to be found in texts of any size in linear time.
///
/// Each is found as it is and with any of its characters percent-encoded (`%2F`) or escaped as in a JSON string (`\/`,
/// `\u002f`), mixed at will. A value that itself has escapes (a password out of a URL) is also found as it reads with
/// them read, and with some of its other characters escaped. What is encoded otherwise (base64, hexadecimal, twice) is not found: this protects from
/// accidents, not from intent.
///
/// Immutable: any thread. Copies share everything. It takes some 30 bytes for each byte of the values.
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
        let given = secrets.map { Array(SecretTable.trimmed($0).utf8) }
        // A stream is looked at as it is and with all its escapes read: a value's own are read there as well.
        let values = Set(given + given.map(Escape.read)).filter { $0.count >= SecretTable.minimumLength }
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
