/// The text of a file as it is edited: lines end with `\n` here, and with what the file has when it is written.
struct TextDocument: Equatable {
    /// Valid UTF-8.
    var text: [UInt8]
    /// Every line of the file ends with CR LF.
    private let usesCRLF: Bool
    /// The file begins with a byte order mark.
    private let hasMark: Bool

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let cr = UInt8(ascii: "\r")
    static let lf = UInt8(ascii: "\n")

    /// - Parameter name: of the file, for the refusal.
    init(_ bytes: [UInt8], of name: String) throws(FileRefusal) {
        guard !bytes.contains(0) else { throw FileRefusal("\(name) is not a text file: it contains NUL bytes.") }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let line = bytes[..<error.byteOffsets.lowerBound].count { $0 == TextDocument.lf } + 1
            throw FileRefusal("\(name) is not a text file in UTF-8: line \(line) has other bytes.")
        }
        hasMark = bytes.starts(with: TextDocument.mark)
        let text = hasMark ? Array(bytes.dropFirst(TextDocument.mark.count)) : bytes
        usesCRLF = TextDocument.usesCRLF(text)
        self.text = usesCRLF ? TextDocument.withoutCR(text) : text
    }

    /// As the file is to be.
    var bytes: [UInt8] {
        var bytes = hasMark ? TextDocument.mark : []
        guard usesCRLF else { return bytes + text }
        bytes.reserveCapacity(text.count + text.count / 16)
        for byte in text {
            if byte == TextDocument.lf { bytes.append(TextDocument.cr) }
            bytes.append(byte)
        }
        return bytes
    }

    /// Text from a model, with line ends as this document has them.
    func adapted(_ text: String) -> [UInt8] {
        usesCRLF ? TextDocument.withoutCR(Array(text.utf8)) : Array(text.utf8)
    }

    /// Lines, a last one without an end included.
    var lineCount: Int { lineNumber(at: text.count) - (text.last ?? TextDocument.lf == TextDocument.lf ? 1 : 0) }

    /// The number, from 1, of the line that a byte is in.
    func lineNumber(at offset: Int) -> Int { text[..<offset].count { $0 == TextDocument.lf } + 1 }

    /// Where a line begins; the end of the text for one that is not there.
    func offset(ofLine number: Int) -> Int {
        var line = 1
        var offset = 0
        while line < number, let end = text[offset...].firstIndex(of: TextDocument.lf) {
            offset = end + 1
            line += 1
        }
        return line < number ? text.count : offset
    }

    /// Where a text occurs, overlapping ones too. Takes time in proportion to both lengths, whatever they are
    /// (Knuth, Morris and Pratt).
    func occurrences(of wanted: [UInt8]) -> [Int] {
        if wanted.isEmpty || wanted.count > text.count { return [] }
        var found: [Int] = []
        wanted.withUnsafeBufferPointer { wanted in
            // For each beginning of `wanted`: how much of its end is a beginning of `wanted` again.
            var borders = [Int](repeating: 0, count: wanted.count)
            var border = 0
            for index in wanted.indices.dropFirst() {
                while border > 0 && wanted[index] != wanted[border] { border = borders[border - 1] }
                if wanted[index] == wanted[border] { border += 1 }
                borders[index] = border
            }
            text.withUnsafeBufferPointer { text in
                var matched = 0
                for index in text.indices {
                    while matched > 0 && text[index] != wanted[matched] { matched = borders[matched - 1] }
                    if text[index] == wanted[matched] { matched += 1 }
                    if matched == wanted.count {
                        found.append(index + 1 - matched)
                        matched = borders[matched - 1]
                    }
                }
            }
        }
        return found
    }

    private static func usesCRLF(_ text: [UInt8]) -> Bool {
        var previous: UInt8 = 0
        var hasLines = false
        for byte in text {
            if byte == lf {
                if previous != cr { return false }
                hasLines = true
            }
            previous = byte
        }
        return hasLines
    }

    private static func withoutCR(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for byte in text {
            if byte == lf && result.last == cr { result.removeLast() }
            result.append(byte)
        }
        return result
    }
}
