internal import Glibc

/// Server-sent events, cut out of a stream of bytes that may be divided anywhere.
///
/// Only what chat completions need of the [format](https://html.spec.whatwg.org/multipage/server-sent-events.html):
/// the data of each event. Comments and other fields are passed over; lines end with LF, CRLF or CR. A field `error` is
/// data: llama.cpp's older servers report errors so.
struct EventStream {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var lastWasCR = false
    private var isFirstLine = true
    /// Bytes of one event that are accepted.
    static let maximumEventBytes = 8 << 20

    struct TooLarge: Error {}

    /// Takes some bytes and hands out the data of each event that is complete with them, in order.
    ///
    /// - Throws: what `onData` throws, or `TooLarge`. The stream is of no more use then.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ onData: ([UInt8]) throws -> Void) throws {
        var start = 0
        if lastWasCR, let first = bytes.first {
            // A CR ends its line at once; an LF after it belongs to it.
            if first == UInt8(ascii: "\n") { start = 1 }
            lastWasCR = false
        }
        // The next of each; the end where there is none.
        var lf = bytes.index(of: UInt8(ascii: "\n"), from: start)
        var cr = bytes.index(of: UInt8(ascii: "\r"), from: start)
        while start < bytes.count {
            let end = min(lf, cr)
            try extend(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            guard end < bytes.count else { return }
            if let event = endLine() { try onData(event) }
            start = end + 1
            if end == cr {
                if start == bytes.count { lastWasCR = true }
                if start == lf { start += 1 }
                cr = bytes.index(of: UInt8(ascii: "\r"), from: start)
            }
            if lf < start { lf = bytes.index(of: UInt8(ascii: "\n"), from: start) }
        }
    }

    /// The data of an event that the end of the stream left without its empty line. Whether it is whole, only its reader
    /// can tell.
    mutating func takeRest() -> [UInt8]? {
        if !line.isEmpty { _ = endLine() }
        return endLine()
    }

    private mutating func extend(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count + line.count + data.count <= Self.maximumEventBytes else { throw TooLarge() }
        line.append(contentsOf: bytes)
    }

    /// An event ends with an empty line; its data lines are joined with LF.
    private mutating func endLine() -> [UInt8]? {
        defer {
            line.removeAll(keepingCapacity: true)
            isFirstLine = false
        }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        if line.isEmpty {
            guard hasData else { return nil }
            defer {
                data = []
                hasData = false
            }
            return data
        }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        let isError = field.elementsEqual("error".utf8)
        guard field.elementsEqual("data".utf8) || isError else { return nil }
        var value = line.dropFirst(field.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if isError { value = #"{"error":"#.utf8 + value + "}".utf8 }
        if hasData { data.append(UInt8(ascii: "\n")) }
        data += value
        hasData = true
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// `count` where there is none.
    fileprivate func index(of byte: UInt8, from start: Int) -> Int {
        guard let baseAddress, start < count else { return count }
        guard let found = memchr(baseAddress + start, Int32(byte), count - start) else { return count }
        return UnsafeRawPointer(found) - baseAddress
    }
}
