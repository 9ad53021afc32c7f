internal import Glibc

/// Cuts server-sent events out of a stream of bytes that may be divided anywhere.
///
/// All of the [format](https://html.spec.whatwg.org/multipage/server-sent-events.html): comments and unknown fields are
/// passed over; lines end with LF, CRLF or CR.
package struct EventStreamReader {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var lastWasCR = false
    private var isFirstLine = true
    private var name = ""
    private var id: String?
    private let takesErrorField: Bool
    /// Milliseconds after which the stream's server wants to be connected to again, as far as it said.
    package private(set) var retry: Int?
    /// Bytes of one event that are accepted.
    package static let maximumEventBytes = 8 << 20

    package struct TooLarge: Error {}

    /// - Parameter takesErrorField: a field `error` is data, an object with this one member: llama.cpp's older servers
    ///   report errors so.
    package init(takesErrorField: Bool = false) { self.takesErrorField = takesErrorField }

    /// Takes some bytes and hands out each event that is complete with them, in order.
    ///
    /// - Throws: what `onEvent` throws, or `TooLarge`. The stream is of no more use then.
    package mutating func append(
        _ bytes: UnsafeRawBufferPointer, _ onEvent: (StreamEvent) throws -> Void
    ) throws {
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
            if let event = endLine() { try onEvent(event) }
            start = end + 1
            if end == cr {
                if start == bytes.count { lastWasCR = true }
                if start == lf { start += 1 }
                cr = bytes.index(of: UInt8(ascii: "\r"), from: start)
            }
            if lf < start { lf = bytes.index(of: UInt8(ascii: "\n"), from: start) }
        }
    }

    /// An event that the end of the stream left without its empty line. Whether it is whole, only its reader can tell.
    package mutating func takeRest() -> StreamEvent? {
        if !line.isEmpty { _ = endLine() }
        return endLine()
    }

    private mutating func extend(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count + line.count + data.count <= Self.maximumEventBytes else { throw TooLarge() }
        line.append(contentsOf: bytes)
    }

    /// An event ends with an empty line; its data lines are joined with LF. One without data is none.
    private mutating func endLine() -> StreamEvent? {
        defer {
            line.removeAll(keepingCapacity: true)
            isFirstLine = false
        }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        if line.isEmpty {
            defer {
                data = []
                hasData = false
                name = ""
            }
            return hasData ? StreamEvent(name: name, id: id, data: data) : nil
        }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(field.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if field.elementsEqual("data".utf8) {
            append(value)
        } else if field.elementsEqual("event".utf8) {
            name = String(decoding: value, as: UTF8.self)
        } else if field.elementsEqual("id".utf8) {
            // As the format has it: one with a NUL is none.
            if !value.contains(0) { id = String(decoding: value, as: UTF8.self) }
        } else if field.elementsEqual("retry".utf8) {
            if !value.isEmpty, value.allSatisfy({ 0x30...0x39 ~= $0 }) {
                retry = Int(String(decoding: value, as: UTF8.self)) ?? retry
            }
        } else if takesErrorField, field.elementsEqual("error".utf8) {
            append(#"{"error":"#.utf8 + value + "}".utf8)
        }
        return nil
    }

    private mutating func append(_ value: some Sequence<UInt8>) {
        if hasData { data.append(UInt8(ascii: "\n")) }
        data += value
        hasData = true
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
