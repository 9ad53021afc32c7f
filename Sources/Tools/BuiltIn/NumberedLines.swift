/// Lines of a text as a model is shown them: a number, a tab, the line; within a budget of bytes.
struct NumberedLines {
    /// Longer lines lose their end.
    static let maximumLineBytes = 4 << 10

    var text: String
    /// The last line shown; less than the last asked for if the budget did not suffice.
    var last: Int

    /// - Parameters:
    ///   - lines: numbers from 1, all of them in the document.
    ///   - budget: bytes; one line is shown whatever it is.
    init(_ document: TextDocument, _ lines: ClosedRange<Int>, budget: Int) {
        var shown: [UInt8] = []
        var position = document.offset(ofLine: lines.lowerBound)
        last = lines.lowerBound - 1
        let all = document.text
        for number in lines {
            let end = all[position...].firstIndex(of: TextDocument.lf) ?? all.count
            let line = NumberedLines.line(number, all[position..<end])
            if last >= lines.lowerBound && shown.count + line.count > budget { break }
            shown += line
            last = number
            position = min(end + 1, all.count)
        }
        text = String(decoding: shown, as: UTF8.self)
    }

    private static func line(_ number: Int, _ line: ArraySlice<UInt8>) -> [UInt8] {
        let digits = String(number)
        var bytes = Array((String(repeating: " ", count: max(0, 6 - digits.count)) + digits + "\t").utf8)
        if line.count <= maximumLineBytes {
            bytes += line
        } else {
            var end = line.startIndex + maximumLineBytes
            // Not in the middle of a character.
            while line[end] & 0xC0 == 0x80 { end -= 1 }
            bytes += line[..<end]
            bytes += Array("[… \(line.endIndex - end) bytes of this line left out …]".utf8)
        }
        bytes.append(TextDocument.lf)
        return bytes
    }
}
