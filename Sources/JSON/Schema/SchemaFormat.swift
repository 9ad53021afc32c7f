/// The values of `format` that are checked: cheap and certain, by the ASCII rules of their RFCs. All others are
/// annotations.
enum SchemaFormat: String, Sendable {
    case dateTime = "date-time"
    case date, time, email, uri, uuid

    var shown: String {
        switch self {
        case .dateTime: "a date and time such as 2026-01-31T12:00:00Z (RFC 3339)"
        case .date: "a date such as 2026-01-31 (RFC 3339)"
        case .time: "a time with its offset such as 12:00:00Z (RFC 3339)"
        case .email: "an e-mail address (RFC 5321)"
        case .uri: "a URI with its scheme (RFC 3986)"
        case .uuid: "a UUID (RFC 4122)"
        }
    }

    func fits(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var reader = FormatReader(text)
        switch self {
        case .dateTime:
            return reader.date() && (reader.take("T") || reader.take("t")) && reader.time() && reader.isAtEnd
        case .date: return reader.date() && reader.isAtEnd
        case .time: return reader.time() && reader.isAtEnd
        case .email: return reader.mailbox() && reader.isAtEnd
        case .uri: return reader.uri()
        case .uuid:
            guard text.count == 36 else { return false }
            return text.indices.allSatisfy { index in
                [8, 13, 18, 23].contains(index)
                    ? text[index] == UInt8(ascii: "-") : JSONText.hexDigit(text[index]) != nil
            }
        }
    }
}

/// Goes through a text from its beginning.
private struct FormatReader {
    private let text: UnsafeBufferPointer<UInt8>
    private var index = 0

    init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

    var isAtEnd: Bool { index == text.count }
    private var next: UInt8? { index < text.count ? text[index] : nil }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: scalar) else { return false }
        index += 1
        return true
    }

    /// Exactly so many digits.
    private mutating func number(_ digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let byte = next, 48...57 ~= byte else { return nil }
            value = value * 10 + Int(byte) - 48
            index += 1
        }
        return value
    }

    mutating func date() -> Bool {
        guard let year = number(4), take("-"), let month = number(2), take("-"), let day = number(2) else {
            return false
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return 1...12 ~= month && 1...days[month - 1] ~= day
    }

    mutating func time() -> Bool {
        guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2),
            hour < 24, minute < 60, second <= 60
        else { return false }
        if take(".") {
            let start = index
            while let byte = next, 48...57 ~= byte { index += 1 }
            guard index > start else { return false }
        }
        var offset = 0
        if !take("Z"), !take("z") {
            let isEast = take("+")
            guard isEast || take("-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
                minutes < 60
            else { return false }
            offset = (hours * 60 + minutes) * (isEast ? 1 : -1)
        }
        // A leap second is the last one of a day of UTC's.
        return second < 60 || (hour * 60 + minute - offset + 2880) % 1440 == 1439
    }

    // MARK: - RFC 5321

    private static func isAtom(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 48...57: true
        default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 48...57: true
        default: false
        }
    }

    mutating func mailbox() -> Bool {
        if take("\"") {
            while let byte = next, byte != UInt8(ascii: "\"") {
                guard 32...126 ~= byte else { return false }
                index += byte == UInt8(ascii: "\\") ? 2 : 1
            }
            guard take("\"") else { return false }
        } else {
            repeat {
                let start = index
                while let byte = next, Self.isAtom(byte) { index += 1 }
                guard index > start else { return false }
            } while take(".")
        }
        guard take("@") else { return false }
        if take("[") {
            let isSix = "IPv6:".utf8.elementsEqual(text[index...].prefix(5))
            if isSix { index += 5 }
            let start = index
            while let byte = next, byte != UInt8(ascii: "]") { index += 1 }
            let literal = UnsafeBufferPointer(rebasing: text[start..<index])
            return take("]") && (isSix ? IPLiteral.isSix(literal) : IPLiteral.isFour(literal))
        }
        repeat {
            let start = index
            while let byte = next, Self.isLetterOrDigit(byte) || byte == UInt8(ascii: "-") { index += 1 }
            guard 1...63 ~= index - start, text[start] != UInt8(ascii: "-"), text[index - 1] != UInt8(ascii: "-") else {
                return false
            }
        } while take(".")
        return true
    }

    // MARK: - RFC 3986

    mutating func uri() -> Bool {
        guard let first = next, Self.isLetterOrDigit(first), !(48...57 ~= first) else { return false }
        while let byte = next, Self.isLetterOrDigit(byte) || "+-.".utf8.contains(byte) { index += 1 }
        guard take(":") else { return false }
        if text[index...].starts(with: "//".utf8) {
            index += 2
            guard authority() else { return false }
            guard isAtEnd || "/?#".utf8.contains(text[index]) else { return false }
        }
        guard characters("/"), !take("?") || characters("/?"), !take("#") || characters("/?") else { return false }
        return isAtEnd
    }

    private mutating func authority() -> Bool {
        let end = text[index...].firstIndex { "/?#".utf8.contains($0) } ?? text.count
        if let at = text[index..<end].lastIndex(of: UInt8(ascii: "@")) {
            guard Self.areCharacters(text[index..<at], "", besides: "@") else { return false }
            index = at + 1
        }
        if take("[") {
            guard let close = text[index..<end].firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = UnsafeBufferPointer(rebasing: text[index..<close])
            let isFuture = literal.first == UInt8(ascii: "v") && literal.count > 3
            guard isFuture || IPLiteral.isSix(literal) else { return false }
            index = close + 1
        } else {
            let host = index
            while index < end, text[index] != UInt8(ascii: ":") { index += 1 }
            guard Self.areCharacters(text[host..<index], "", besides: ":@") else { return false }
        }
        if take(":") { while let byte = next, 48...57 ~= byte { index += 1 } }
        return index == end
    }

    /// Goes over characters of paths (pchar), and others that are allowed here.
    private mutating func characters(_ more: String) -> Bool {
        let start = index
        while let byte = next, byte != UInt8(ascii: "?") || more.contains("?"), byte != UInt8(ascii: "#") { index += 1 }
        return Self.areCharacters(text[start..<index], more, besides: "")
    }

    private static func areCharacters(
        _ part: Slice<UnsafeBufferPointer<UInt8>>, _ more: String, besides: String
    ) -> Bool {
        var index = part.startIndex
        while index < part.endIndex {
            let byte = part[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < part.endIndex, JSONText.hexDigit(part[index + 1]) != nil,
                    JSONText.hexDigit(part[index + 2]) != nil
                else { return false }
                index += 3
                continue
            }
            guard isLetterOrDigit(byte) || "-._~!$&'()*+,;=:@".utf8.contains(byte) || more.utf8.contains(byte),
                !besides.utf8.contains(byte)
            else { return false }
            index += 1
        }
        return true
    }
}

/// Addresses as e-mail and URIs write them.
private enum IPLiteral {
    static func isFour(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                1...3 ~= part.count && part.allSatisfy { 48...57 ~= $0 }
                    && (part.count == 1 || part.first != 48)
                    && part.reduce(0) { $0 * 10 + Int($1) - 48 } <= 255
            }
    }

    static func isSix(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var groups = 0
        var (gaps, index) = (0, 0)
        guard text.count <= 45, text.contains(UInt8(ascii: ":")) else { return false }
        if text.starts(with: "::".utf8) {
            (gaps, index) = (1, 2)
        }
        while index < text.count {
            let end = text[index...].firstIndex(of: UInt8(ascii: ":")) ?? text.count
            let part = UnsafeBufferPointer(rebasing: text[index..<end])
            if part.contains(UInt8(ascii: ".")) {
                guard end == text.count, isFour(part) else { return false }
                groups += 2
                index = end
                break
            }
            guard 1...4 ~= part.count, part.allSatisfy({ JSONText.hexDigit($0) != nil }) else { return false }
            groups += 1
            index = end
            guard index < text.count else { break }
            index += 1
            guard index < text.count else { return false }
            if text[index] == UInt8(ascii: ":") {
                gaps += 1
                index += 1
            }
        }
        return gaps == 0 ? groups == 8 : gaps == 1 && groups <= 7
    }
}
