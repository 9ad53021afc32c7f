internal import Glibc

/// A POSIX extended regular expression; see `man 7 regex`. Without back-references, which cost exponential time:
/// what it is matched against comes from models.
struct Pattern: ~Copyable {
    private var compiled = regex_t()

    /// Bytes of an expression at most, and of what is searched.
    static let maximumLength = 256
    static let maximumSubjectLength = 16 << 10

    /// nil if the text is no expression that is taken here.
    init?(_ text: String) {
        guard text.utf8.count <= Pattern.maximumLength, !Pattern.isCostly(text),
            regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0
        else { return nil }
    }

    deinit {
        var compiled = compiled
        regfree(&compiled)
    }

    /// Whether the expression is found anywhere in the text; nil if the text is too long to be searched, or has a zero.
    func isFound(in text: String) -> Bool? {
        guard text.utf8.count <= Pattern.maximumSubjectLength, !text.utf8.contains(0) else { return nil }
        var compiled = compiled
        return regexec(&compiled, text, 0, nil, 0) == 0
    }

    /// A back-reference, or a count whose copies of what it counts take memory beyond reason.
    private static func isCostly(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var counts = 0
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\\"):
                if index + 1 < bytes.count, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[index + 1]) {
                    return true
                }
                index += 1
            case UInt8(ascii: "{"):
                counts += 1
                let digits = bytes[(index + 1)...].prefix { $0 != UInt8(ascii: "}") }
                let numbers = digits.split(separator: UInt8(ascii: ","))
                if numbers.contains(where: { (Int(String(decoding: $0, as: UTF8.self)) ?? 0) > 64 }) { return true }
            default: break
            }
            index += 1
        }
        return counts > 2
    }
}
