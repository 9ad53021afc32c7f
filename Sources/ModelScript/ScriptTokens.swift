/// How a script counts tokens: the same text always gives the same ones.
///
/// A token is a word together with the white space after it (space, tab, line feed, carriage return); white space at
/// the very beginning is a token of its own. Joined, the tokens are the text. A tool call is one token for its name,
/// and one for every 12 Unicode scalars of its arguments.
public enum ScriptTokens {
    /// The tokens of a text, in order.
    public static func split(_ text: String) -> [String] {
        var tokens: [String] = []
        var start = text.utf8.startIndex
        var wasSpace = false
        for index in text.utf8.indices {
            let isSpace = isSpace(text.utf8[index])
            if wasSpace, !isSpace {
                tokens.append(String(text[start..<index]))
                start = index
            }
            wasSpace = isSpace
        }
        if start < text.utf8.endIndex { tokens.append(String(text[start...])) }
        return tokens
    }

    /// The tokens of a text, counted without making them.
    public static func count(_ text: String) -> UInt64 {
        var count: UInt64 = 0
        var wasSpace = true
        for byte in text.utf8 {
            let isSpace = isSpace(byte)
            if count == 0 || (wasSpace && !isSpace) { count += 1 }
            wasSpace = isSpace
        }
        return count
    }

    /// The pieces in which a tool call's arguments are sent.
    public static func split(arguments: String) -> [String] {
        var pieces: [String] = []
        var rest = arguments.unicodeScalars[...]
        while !rest.isEmpty {
            pieces.append(String(rest.prefix(scalarsPerPiece)))
            rest = rest.dropFirst(scalarsPerPiece)
        }
        return pieces
    }

    /// The tokens of a tool call.
    public static func count(arguments: String) -> UInt64 {
        1 + UInt64((arguments.unicodeScalars.count + scalarsPerPiece - 1) / scalarsPerPiece)
    }

    static let scalarsPerPiece = 12

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\n")).contains(byte)
            || byte == UInt8(ascii: "\r")
    }
}
