/// The most that each field of a request may have, looked at in the encoded bytes before anything is made of them.
///
/// A message may have 4 MiB, and without this so may a field in which an id is meant: it would be checked to be text,
/// copied, and read digit by digit, on the thread that an Interrupt waits for. One walk over the encoding jumps from
/// field to field by their lengths: it costs some nanoseconds for each, however long they are.
///
/// Where a rule of its own says less of a field, its error is the one that is told. What is no well-formed encoding is
/// left to the decoder, which gets no further than this came.
public enum FieldLimits {
    /// What may be in a field.
    enum Limit: Sendable {
        /// Text, at most so many bytes of it.
        case text(Int)
        /// A list of texts.
        case texts(Int, each: Int)
        /// A list of numbers, or of values of an enum.
        case numbers(Int)
        case message(MessageLimits)
        case messages(Int, MessageLimits)
    }

    /// Checks the body of a request.
    ///
    /// - Returns: the first field that has too much; nil if none has, or no request has this type.
    public static func problem(in body: [UInt8], of type: FermataFrameType) -> FieldProblem? {
        guard let limits = MessageLimits.requests[type] else { return nil }
        var left = mostFields
        return body.withUnsafeBytes { limits.problem(in: $0, left: &left) }
    }

    /// Of a request, with those of all messages in it: more than a policy has that is as large as one may be.
    static let mostFields = 1 << 18
}

/// The limits of one message's fields: a table by their numbers.
final class MessageLimits: Sendable {
    struct Field: Sendable {
        let number: Int
        let name: String
        let limit: FieldLimits.Limit

        init(_ number: Int, _ name: String, _ limit: FieldLimits.Limit) {
            self.number = number
            self.name = name
            self.limit = limit
        }
    }

    /// In the schema, without the package.
    let name: String
    let fields: [Field]
    private let byNumber: [Field?]
    /// Of fields that are no lists. A decoder takes one twice, and the last counts; nobody sends it so often.
    private let mostSingles: Int

    convenience init(_ name: String, _ fields: Field...) { self.init(name: name, fields) }

    init(name: String, _ fields: [Field]) {
        self.name = name
        self.fields = fields
        var byNumber = [Field?](repeating: nil, count: (fields.map(\.number).max() ?? 0) + 1)
        for field in fields { byNumber[field.number] = field }
        self.byNumber = byNumber
        mostSingles = 4 * byNumber.count + 64
    }

    /// - Parameter left: how many fields the request may have from here on, all messages in it together.
    func problem(in bytes: UnsafeRawBufferPointer, left: inout Int) -> FieldProblem? {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: byNumber.count) { counts in
            counts.initialize(repeating: 0)
            return problem(in: bytes, counts, &left)
        }
    }

    /// - Parameter counts: of the elements of lists so far, by the number of the field.
    private func problem(
        in bytes: UnsafeRawBufferPointer, _ counts: UnsafeMutableBufferPointer<Int>, _ left: inout Int
    ) -> FieldProblem? {
        var reader = WireReader(bytes)
        var singles = 0
        while let found = reader.next() {
            left -= 1
            if left < 0 { return FieldProblem(field: "fields", rule: "are too many") }
            let field = found.number < byNumber.count ? byNumber[found.number] : nil
            guard let field, let most = field.most else {
                singles += 1
                if singles > mostSingles { return FieldProblem(field: "fields", rule: "are too many") }
                if let field, let content = found.content, let problem = field.problem(in: content, &left) {
                    return problem
                }
                continue
            }
            // Packed numbers have a byte each at least.
            counts[found.number] += field.isOfNumbers ? max(1, found.content?.count ?? 1) : 1
            if counts[found.number] > most {
                return FieldProblem(field: field.name, rule: "has more than \(field.shownMost) elements")
            }
            if let content = found.content, let problem = field.problem(in: content, &left) { return problem }
        }
        return nil
    }
}

extension MessageLimits.Field {
    fileprivate var isOfNumbers: Bool { if case .numbers = limit { true } else { false } }

    /// Of a list: its elements; of numbers, which may have ten bytes each, their bytes.
    fileprivate var most: Int? {
        switch limit {
        case .text, .message: nil
        case .texts(let most, _), .messages(let most, _): most
        case .numbers(let most): most * 10
        }
    }

    fileprivate var shownMost: Int { if case .numbers(let most) = limit { most } else { most ?? 0 } }

    /// Of one value of the field.
    fileprivate func problem(in content: UnsafeRawBufferPointer, _ left: inout Int) -> FieldProblem? {
        switch limit {
        case .text(let most), .texts(_, each: let most):
            content.count > most ? FieldProblem(field: name, rule: "is longer than \(most) bytes") : nil
        case .message(let limits), .messages(_, let limits): limits.problem(in: content, left: &left)?.inside(name)
        case .numbers: nil
        }
    }
}

/// Protobuf's wire format, field by field: https://protobuf.dev/programming-guides/encoding/
private struct WireReader {
    struct Field {
        let number: Int
        /// Nil for a number.
        let content: UnsafeRawBufferPointer?
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Nil at the end, and where the encoding is broken or of a kind that this schema never had.
    mutating func next() -> Field? {
        guard offset < bytes.count, let tag = varint() else { return nil }
        let number = Int(truncatingIfNeeded: tag >> 3 & 0x1FFF_FFFF)
        switch tag & 7 {
        case 0: return varint() == nil ? nil : Field(number: number, content: nil)
        case 1: return take(8) == nil ? nil : Field(number: number, content: nil)
        case 2:
            guard let length = varint(), let content = take(length) else { return nil }
            return Field(number: number, content: content)
        // The begin and the end of a group, which no request has: what is in between counts as the message's own.
        case 3, 4: return Field(number: number, content: nil)
        case 5: return take(4) == nil ? nil : Field(number: number, content: nil)
        default: return nil
        }
    }

    private mutating func take(_ count: UInt64) -> UnsafeRawBufferPointer? {
        guard count <= UInt64(bytes.count - offset) else { return nil }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 70 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
