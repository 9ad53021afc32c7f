/// Server-sent events, cut out of a stream of bytes that may be divided anywhere.
///
/// Only what chat completions need of the [format](https://html.spec.whatwg.org/multipage/server-sent-events.html):
/// the data of each event. Comments and other fields are passed over; lines end with LF, CRLF or CR.
struct EventStream {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var lastWasCR = false
    /// Bytes of one event that are accepted.
    static let maximumEventBytes = 8 << 20

    enum Problem: Error { case eventTooLarge }

    /// Takes some bytes and hands out the data of each event that is complete with them, in order.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ onData: ([UInt8]) throws -> Void) throws {
        for byte in bytes {
            if lastWasCR, byte == UInt8(ascii: "\n") {
                lastWasCR = false
                continue
            }
            lastWasCR = byte == UInt8(ascii: "\r")
            guard lastWasCR || byte == UInt8(ascii: "\n") else {
                line.append(byte)
                guard line.count + data.count <= EventStream.maximumEventBytes else { throw Problem.eventTooLarge }
                continue
            }
            if let event = endLine() { try onData(event) }
        }
    }

    /// An event ends with an empty line; its data lines are joined with LF.
    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty {
            guard hasData else { return nil }
            defer {
                data = []
                hasData = false
            }
            return data
        }
        let field = line.prefix { $0 != UInt8(ascii: ":") }
        guard field.elementsEqual("data".utf8) else { return nil }
        var value = line.dropFirst(field.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if hasData { data.append(UInt8(ascii: "\n")) }
        data += value
        hasData = true
        return nil
    }
}
