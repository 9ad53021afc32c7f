import SwiftProtobuf

/// protocol/fermata.proto as protoc describes it, and bytes made from that description alone.
struct SchemaDescription {
    typealias Field = Google_Protobuf_FieldDescriptorProto

    private(set) var messages: [String: Google_Protobuf_DescriptorProto] = [:]
    private(set) var enums: [String: Google_Protobuf_EnumDescriptorProto] = [:]

    /// One field in wire format, and what JSON has for it; nil: nothing, as for a zero that is neither `optional` nor in
    /// a `oneof`.
    struct Sample {
        let bytes: [UInt8]
        let json: Any?
    }

    init() throws {
        let bytes = try Protoc.run(["--descriptor_set_out=/dev/stdout"])
        for file in try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes).file {
            for message in file.messageType {
                messages["\(file.package).\(message.name)"] = message
                for described in message.enumType { enums["\(message.name).\(described.name)"] = described }
            }
            for described in file.enumType { enums[described.name] = described }
        }
    }

    func samples(of field: Field) throws -> [Sample] {
        var samples = try values(of: field).map { sample in
            Sample(
                bytes: sample.bytes, json: field.label == .repeated ? sample.json.map { [$0] } : sample.json)
        }
        guard field.label != .repeated, field.type != .message else { return samples }
        let zero =
            switch field.type {
            case .string, .bytes: Self.tag(field, 2) + [0]
            case .double: Self.tag(field, 1) + [UInt8](repeating: 0, count: 8)
            default: Self.tag(field, 0) + [0]
            }
        samples.append(Sample(bytes: zero, json: field.hasOneofIndex ? Self.zero(of: field.type) : nil))
        return samples
    }

    /// Values that tell one type from another: a varint of 64 one bits is read differently by each of them.
    private func values(of field: Field) throws -> [Sample] {
        let ones = Self.tag(field, 0) + [UInt8](repeating: 0xFF, count: 9) + [1]
        switch field.type {
        case .uint32: return [Sample(bytes: ones, json: UInt32.max)]
        case .uint64: return [Sample(bytes: ones, json: String(UInt64.max))]
        case .int32: return [Sample(bytes: ones, json: -1)]
        case .int64: return [Sample(bytes: ones, json: "-1")]
        case .sint64: return [Sample(bytes: ones, json: String(Int64.min))]
        case .bool: return [Sample(bytes: ones, json: true)]
        case .string: return [Sample(bytes: Self.tag(field, 2) + [2, 0xC3, 0xA9], json: "é")]
        case .bytes: return [Sample(bytes: Self.tag(field, 2) + [2, 0xC3, 0xA9], json: "w6k=")]
        case .double: return [Sample(bytes: Self.tag(field, 1) + [0, 0, 0, 0, 0, 0, 0xE0, 0x3F], json: 0.5)]
        case .enum:
            let name = String(field.typeName.dropFirst(Schema.package.count + 2))
            guard let described = enums[name] else { throw Unexpected(description: field.typeName) }
            return described.value.filter { $0.number != 0 }.map { value in
                Sample(bytes: Self.tag(field, 0) + Self.varint(Int(value.number)), json: value.name)
            }
        case .message:
            guard let message = messages[String(field.typeName.dropFirst())] else {
                throw Unexpected(description: field.typeName)
            }
            // Each of its fields in turn, so that another message with the same names would still be told apart.
            let inner = try message.field.flatMap { nested in
                try samples(of: nested).prefix(1).map { (nested.jsonName, $0) }
            }
            let all = inner.map { name, sample in
                Sample(
                    bytes: Self.tag(field, 2) + Self.varint(sample.bytes.count) + sample.bytes,
                    json: sample.json.map { [name: $0] } ?? [:])
            }
            return all + [Sample(bytes: Self.tag(field, 2) + [0], json: [String: Any]())]
        default: throw Unexpected(description: "field \(field.name) has a type unknown to the tests: \(field.type)")
        }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    private static func zero(of type: Field.TypeEnum) -> Any {
        switch type {
        case .string, .bytes: ""
        case .bool: false
        case .int64, .sint64, .uint64: "0"
        default: 0
        }
    }

    private static func tag(_ field: Field, _ wireType: Int) -> [UInt8] { varint(Int(field.number) << 3 | wireType) }

    private static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = UInt64(value)
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// A field of this number in each of the four wire types.
    static func anyWireType(_ number: Int) -> [[UInt8]] {
        [
            varint(number << 3) + [1], varint(number << 3 | 1) + [UInt8](repeating: 1, count: 8),
            varint(number << 3 | 2) + [1, 0x61], varint(number << 3 | 5) + [1, 1, 1, 1],
        ]
    }
}
