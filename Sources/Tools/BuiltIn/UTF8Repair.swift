/// Makes valid UTF-8 of a stream of bytes: what is not becomes U+FFFD, one for each maximal part of a sequence, as
/// Unicode recommends and Swift's own decoder does. A character cut by the end of a chunk is held back until complete.
struct UTF8Repair: Sendable {
    /// Something was replaced.
    private(set) var repaired = false

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// At most three bytes: the beginning of a character.
    private var held: [UInt8] = []

    /// What can be passed on after these bytes: valid UTF-8, possibly empty.
    mutating func repair(_ text: ReplacedText) -> ReplacedText {
        if held.isEmpty { return drain(text) }
        // What is held back is the beginning of a character: nothing of it stands for something else.
        var joined = ReplacedText(bytes: held)
        joined.append(text)
        held = []
        return drain(joined)
    }

    /// What was held back, at the end of the stream.
    mutating func finish() -> ReplacedText {
        var passed = ReplacedText()
        if held.isEmpty { return passed }
        passed.append(UTF8Repair.replacement, for: held.count)
        held = []
        repaired = true
        return passed
    }

    private mutating func drain(_ text: ReplacedText) -> ReplacedText {
        let bytes = text.bytes
        let span = bytes.span
        var passed = ReplacedText()
        var earlier = text.replacements[...]
        /// Passes valid bytes on, with the replacements in them.
        func pass(_ range: Range<Int>, _ passed: inout ReplacedText) {
            let shift = passed.bytes.count - range.lowerBound
            while var replacement = earlier.first, replacement.offset < range.upperBound {
                replacement.offset += shift
                passed.replacements.append(replacement)
                earlier.removeFirst()
            }
            passed.bytes.append(contentsOf: bytes[range])
        }
        var position = 0
        while position < bytes.count {
            do {
                _ = try UTF8Span(validating: span.extracting(position...))
                if position == 0 { return text }
                pass(position..<bytes.count, &passed)
                return passed
            } catch {
                let wrong = (position + error.byteOffsets.lowerBound)..<(position + error.byteOffsets.upperBound)
                pass(position..<wrong.lowerBound, &passed)
                if wrong.upperBound == bytes.count && error.kind == .truncatedScalar {
                    held = Array(bytes[wrong])
                    return passed
                }
                repaired = true
                passed.append(UTF8Repair.replacement, for: wrong.count)
                position = wrong.upperBound
            }
        }
        return passed
    }
}
