/// Code points, as RE2 writes them.
struct CodePointSet {
    private let ranges: [ClosedRange<UInt32>]

    /// - Parameter ranges: in order, without overlaps.
    init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

    static let digits = CodePointSet([0x30...0x39])
    static let word = CodePointSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// ECMA-262's white space and line ends: Unicode's spaces (Zs), TAB, VT, FF, the BOM, LF, CR, U+2028, U+2029.
    static let space = CodePointSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])

    var inverted: CodePointSet {
        var gaps: [ClosedRange<UInt32>] = []
        var start: UInt32 = 0
        for range in ranges {
            if range.lowerBound > start { gaps.append(start...range.lowerBound - 1) }
            start = range.upperBound + 1
        }
        if start <= 0x10FFFF { gaps.append(start...0x10FFFF) }
        return CodePointSet(gaps)
    }

    /// The inside of a class.
    var text: String {
        ranges.map { range in
            let low = Self.literal(range.lowerBound)
            return range.count == 1 ? low : low + "-" + Self.literal(range.upperBound)
        }.joined()
    }

    /// One code point, inside or outside of a class. A surrogate stands in no text, and is found in none.
    static func literal(_ value: UInt32) -> String {
        if let scalar = Unicode.Scalar(value), scalar.isASCII, scalar.properties.isAlphabetic || "0"..."9" ~= scalar {
            return String(Character(scalar))
        }
        return "\\x{" + String(value, radix: 16) + "}"
    }
}

/// `\p{…}` of ECMA-262, as far as RE2 knows it: general categories and scripts by their long and short names.
enum UnicodeProperty {
    private static let categories: [String: String] = [
        "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
        "Titlecase_Letter": "Lt",
        "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn",
        "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd",
        "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc",
        "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi",
        "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm",
        "Currency_Symbol": "Sc",
        "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs",
        "Line_Separator": "Zl",
        "Paragraph_Separator": "Zp", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Private_Use": "Co",
    ]
    private static let short: Set<String> = Set(categories.values)
    private static let scripts: [String: String] = [
        "Latn": "Latin", "Grek": "Greek", "Cyrl": "Cyrillic", "Armn": "Armenian", "Hebr": "Hebrew", "Arab": "Arabic",
        "Deva": "Devanagari", "Beng": "Bengali", "Thai": "Thai", "Geor": "Georgian", "Hang": "Hangul",
        "Ethi": "Ethiopic",
        "Khmr": "Khmer", "Mong": "Mongolian", "Hira": "Hiragana", "Kana": "Katakana", "Bopo": "Bopomofo", "Hani": "Han",
        "Zyyy": "Common", "Zinh": "Inherited", "Qaai": "Inherited", "Taml": "Tamil", "Telu": "Telugu",
        "Tibt": "Tibetan",
        "Laoo": "Lao", "Mymr": "Myanmar", "Syrc": "Syriac", "Gujr": "Gujarati", "Guru": "Gurmukhi", "Knda": "Kannada",
        "Mlym": "Malayalam", "Sinh": "Sinhala",
    ]

    /// - Returns: the inside of a class of RE2's; nil: RE2 has no such set.
    static func set(named name: String, isInverted: Bool) -> String? {
        let parts = name.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            switch parts[0] {
            case "General_Category", "gc": return category(parts[1], isInverted)
            case "Script", "sc": return script(parts[1], isInverted)
            default: return nil
            }
        }
        switch name {
        case "Any": return isInverted ? nil : "\\x{0}-\\x{10FFFF}"
        case "ASCII": return isInverted ? "\\x{80}-\\x{10FFFF}" : "\\x{0}-\\x{7f}"
        case "White_Space", "space":
            let space = CodePointSet([
                0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
                0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
            ])
            return isInverted ? space.inverted.text : space.text
        default: return category(name, isInverted)
        }
    }

    /// All but `Other`, which has what is not assigned: RE2 knows nothing of it.
    private static func category(_ name: String, _ isInverted: Bool) -> String? {
        let name = categories[name] ?? name
        guard short.contains(name) else { return nil }
        // Letters with case have no name in RE2.
        if name == "LC" { return isInverted ? nil : "\\p{Lu}\\p{Ll}\\p{Lt}" }
        return (isInverted ? "\\P{" : "\\p{") + name + "}"
    }

    /// What RE2 does not know is not checked: its own error says so.
    private static func script(_ name: String, _ isInverted: Bool) -> String? {
        guard name.utf8.allSatisfy({ 65...90 ~= $0 || 97...122 ~= $0 || $0 == UInt8(ascii: "_") }) else { return nil }
        return (isInverted ? "\\P{" : "\\p{") + (scripts[name] ?? name) + "}"
    }
}
