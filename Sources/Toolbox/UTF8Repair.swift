/// Makes valid UTF-8 of a stream of bytes: what is not becomes U+FFFD, one for each maximal part of a sequence, as
/// Unicode recommends and Swift's own decoder does. A character cut by the end of a chunk is held back until complete.
struct UTF8Repair: Sendable {
    /// Something was replaced.
    private(set) var repaired = false

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// At most three bytes: the beginning of a character.
    private var held: [UInt8] = []

    /// What can be passed on after these bytes: valid UTF-8, possibly empty.
    mutating func repair(_ bytes: [UInt8]) -> [UInt8] {
        if held.isEmpty { return drain(bytes) }
        let joined = held + bytes
        held = []
        return drain(joined)
    }

    /// What was held back, at the end of the stream.
    mutating func finish() -> [UInt8] {
        if held.isEmpty { return [] }
        held = []
        repaired = true
        return UTF8Repair.replacement
    }

    private mutating func drain(_ bytes: [UInt8]) -> [UInt8] {
        let span = bytes.span
        var passed: [UInt8] = []
        var position = 0
        while position < bytes.count {
            do {
                _ = try UTF8Span(validating: span.extracting(position...))
                if position == 0 { return bytes }
                passed.append(contentsOf: bytes[position...])
                return passed
            } catch {
                let wrong = (position + error.byteOffsets.lowerBound)..<(position + error.byteOffsets.upperBound)
                passed.append(contentsOf: bytes[position..<wrong.lowerBound])
                if wrong.upperBound == bytes.count && error.kind == .truncatedScalar {
                    held = Array(bytes[wrong])
                    return passed
                }
                repaired = true
                passed.append(contentsOf: UTF8Repair.replacement)
                position = wrong.upperBound
            }
        }
        return passed
    }
}
