internal import SwiftProtobuf

extension [UInt8] {
    /// Appends a message's field that is a message and is encoded already: what is encoded once is then part of many.
    ///
    /// Fields may come in any order (<https://protobuf.dev/programming-guides/encoding/#order>).
    public mutating func append(encoded message: [UInt8], asField number: Int) {
        reserveCapacity(count + message.count + 8)
        // Wire type 2: a length, and as many bytes.
        append(varint: UInt64(number) << 3 | 2)
        append(varint: UInt64(message.count))
        self += message
    }

    private mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}

extension FermataCommandReply {
    /// Of `run`.
    public static let runFieldNumber = 1
}
