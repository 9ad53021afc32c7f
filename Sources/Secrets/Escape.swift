/// One escape in a stream of bytes, from its first byte on: `%2F`, `\/`, `\u002f`, and what encoding these again makes of
/// them: `%252F`, `\\\/`, `\\u002f`.
///
/// It only says what the bytes may stand for. They may as well stand for themselves: `%41` in a key is `%41` in the JSON
/// string that has this key.
struct Escape: Sendable {
    /// What an escape stands for.
    enum Read {
        case byte(UInt8)
        case scalar(Unicode.Scalar)
    }

    private enum Form {
        /// `%`, then two digits.
        case percent
        /// A run of backslashes, which one other byte ends.
        case backslashes
        /// A run of backslashes, a `u`, then four digits.
        case unicode
    }

    /// As many backslashes begin an escape at most: a string of JSON in a string of JSON in a string of JSON has them.
    static let longestRun = 8
    /// As often `%` may have been encoded.
    private static let mostPercents = 3

    private let start: Int
    private var form: Form
    /// How many backslashes there are; of a percent-encoding, how many percent signs are read in it.
    private var count = 1
    private var digits = 0
    private var value: UInt32 = 0

    static func canBegin(with byte: UInt8) -> Bool { byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") }

    /// - Parameter byte: one that can begin an escape.
    init(_ byte: UInt8, at place: Int) {
        start = place
        form = byte == UInt8(ascii: "%") ? .percent : .backslashes
    }

    /// Takes the next byte.
    ///
    /// - Returns: what the escape stands for if it ends with this byte, and whether it may go on after it.
    mutating func take(_ byte: UInt8) -> (read: Read?, goesOn: Bool) {
        switch form {
        case .percent:
            guard takeDigit(byte) else { return (nil, false) }
            if digits < 2 { return (nil, true) }
            let read = UInt8(value)
            (digits, value) = (0, 0)
            // A percent sign that is encoded: with the next two digits it may be an escape that was encoded again.
            guard read == UInt8(ascii: "%"), count < Escape.mostPercents else { return (.byte(read), false) }
            count += 1
            return (.byte(read), true)
        case .backslashes:
            if byte == UInt8(ascii: "\\") {
                count += 1
                return (.byte(byte), true)
            }
            if byte == UInt8(ascii: "u") {
                form = .unicode
                return (nil, true)
            }
            return (Escape.afterBackslash(byte).map { .byte($0) }, false)
        case .unicode:
            guard takeDigit(byte) else { return (nil, false) }
            if digits < 4 { return (nil, true) }
            // Half a pair of surrogates stands for nothing that a value has.
            return (Unicode.Scalar(value).map { .scalar($0) }, false)
        }
    }

    /// The escape that begins with this byte, once encoded and such as percent-encoding or JSON makes; nil: none does.
    ///
    /// - Returns: the bytes that it stands for, and how many bytes of the rest belong to it.
    static func read(_ byte: UInt8, _ rest: ArraySlice<UInt8>) -> (read: [UInt8], length: Int)? {
        var escape = Escape(byte, at: 0)
        for (index, next) in rest.enumerated() {
            switch escape.take(next) {
            case (.byte(let read), _):
                let isMarkdown = byte == UInt8(ascii: "\\") && read == next && !"\"\\/".utf8.contains(read)
                return isMarkdown ? nil : ([read], index + 1)
            case (.scalar(let scalar), _): return (Array(String(scalar).utf8), index + 1)
            case (nil, true): continue
            case (nil, false): return nil
            }
        }
        return nil
    }

    /// Where an escape that has just been read began at the earliest.
    ///
    /// - Parameter end: the place after what stands for a backslash; nil: another byte was read.
    func earliestStart(ofBackslashEndingAt end: Int?) -> Int {
        if form == .percent { return start }
        if let end { return end - (count >= 8 ? 8 : count >= 4 ? 4 : 2) }
        // An even number of backslashes is left before it, so that a JSON string stays one.
        return start + count - min(count, Escape.longestRun - count % 2)
    }

    /// Where the escape that may become complete began at the earliest.
    var earliestStart: Int {
        form == .backslashes ? start + max(count - Escape.longestRun, 0) : earliestStart(ofBackslashEndingAt: nil)
    }

    /// Whether a backslash can have been written like this: JSON doubles them each time.
    static func isBackslash(_ length: Int) -> Bool { length == 2 || length == 4 || length == 8 }

    /// What a backslash and this byte stand for, alone: in JSON, and (before any punctuation mark) in Markdown, in a shell
    /// and in string literals of programming languages.
    static func afterBackslash(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "!")...UInt8(ascii: "/"), UInt8(ascii: ":")...UInt8(ascii: "@"),
            UInt8(ascii: "[")...UInt8(ascii: "`"), UInt8(ascii: "{")...UInt8(ascii: "~"):
            byte
        default: nil
        }
    }

    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private mutating func takeDigit(_ byte: UInt8) -> Bool {
        guard let digit = Escape.hexadecimal(byte) else { return false }
        value = value << 4 | digit
        digits += 1
        return true
    }
}
