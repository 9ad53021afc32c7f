extension String {
    /// The text as a terminal may be given it: what models and tools write must not move its cursor, change its title
    /// or hide what follows. Control characters but for line breaks and tabs, and those that turn the direction of the
    /// text around, are shown as `\u001b` or `\u202e`, so that JSON stays JSON.
    var harmless: String {
        guard unicodeScalars.contains(where: \.isHarmful) else { return self }
        var text = ""
        var previous: Unicode.Scalar?
        for scalar in unicodeScalars {
            // A carriage return is a part of the line break that it is in, and harmful by itself.
            if scalar == "\n", previous == "\r" { text.unicodeScalars.removeLast("\\u000d".count) }
            if scalar.isHarmful {
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var isHarmful: Bool {
        switch value {
        case 0x09, 0x0a: false
        case 0..<0x20, 0x7f..<0xa0: true
        // Line and paragraph separators, marks and overrides of direction.
        case 0x2028, 0x2029, 0x200e, 0x200f, 0x061c, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
