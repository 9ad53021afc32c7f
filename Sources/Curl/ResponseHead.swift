/// Header lines as curl hands them over: complete, one at a time, interim responses and trailers among them.
struct ResponseHead {
    /// Curl limits one line, older versions not their sum.
    static let maximumBytes = 128 << 10

    private(set) var status = 0
    private(set) var headers: [(name: String, value: String)] = []
    /// The empty line has come.
    private(set) var isComplete = false
    private var bytes = 0

    /// - Returns: false when there are too many bytes.
    mutating func append(_ line: UnsafeRawBufferPointer) -> Bool {
        bytes += line.count
        guard bytes <= Self.maximumBytes else { return false }
        let text = line.prefix { $0 != 10 && $0 != 13 }
        if text.starts(with: "HTTP/".utf8) {
            // A new head: after an interim response. Curl has checked the line's form.
            isComplete = false
            headers = []
            status = Self.status(of: text)
        } else if text.isEmpty {
            isComplete = true
        } else if !isComplete, let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            // After the end come the trailers of a chunked body: not part of the head.
            headers.append((Self.string(text[..<colon]), Self.string(text[(colon + 1)...])))
        }
        return true
    }

    private static func status(of line: Slice<UnsafeRawBufferPointer>) -> Int {
        line.split(separator: UInt8(ascii: " "), maxSplits: 2).dropFirst().first.flatMap { digits in
            Int(string(digits))
        } ?? 0
    }

    private static func string(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
        let trimmed = bytes.drop(while: isSpace)
        let end = trimmed.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? trimmed.startIndex
        return String(decoding: trimmed[..<end], as: UTF8.self)
    }
}
