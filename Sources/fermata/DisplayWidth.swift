extension Character {
    /// Columns that a terminal gives it: 0, 1, or 2 for the wide ones of East Asia and for emoji.
    var displayWidth: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if unicodeScalars.contains("\u{fe0f}") || first.properties.isEmojiPresentation { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return first.isWide ? 2 : 1
        }
    }
}

extension Unicode.Scalar {
    /// East_Asian_Width W and F, by blocks (unicode.org/reports/tr11).
    fileprivate var isWide: Bool {
        switch value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
            0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6,
            0x17000...0x18cff, 0x1b000...0x1b2ff, 0x1f200...0x1f2ff, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
            true
        default: false
        }
    }
}

extension String {
    var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

    /// Cut to so many columns; what was cut ends in `…`.
    func cut(to columns: Int) -> String {
        guard displayWidth > columns else { return self }
        var (text, width) = ("", 0)
        for character in self {
            guard width + character.displayWidth <= columns - 1 else { break }
            text.append(character)
            width += character.displayWidth
        }
        return columns > 0 ? text + "…" : ""
    }

    func padding(to columns: Int) -> String { self + String(repeating: " ", count: max(0, columns - displayWidth)) }

    /// The text without line breaks and tabs, shortened to so many columns.
    func oneLine(_ columns: Int) -> String {
        split { $0.isNewline || $0 == "\t" }.joined(separator: " ").cut(to: columns)
    }
}
