package import Foundation
package import SwiftProtobuf
internal import Synchronization

/// Finds what an old server must not ignore in a command: fields and enum values that it does not know.
package struct StrictnessVisitor: Visitor {
    private var path: [String] = []

    /// - Throws: `Refusal` with code UNSUPPORTED that names the first one.
    package static func check(_ message: some SwiftProtobuf.Message) throws(Refusal) {
        var visitor = StrictnessVisitor()
        do {
            try message.traverse(visitor: &visitor)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.badMessage, "the message cannot be read: \(error)")
        }
    }

    package mutating func visitUnknown(bytes: Data) throws {
        var tag: UInt64 = 0
        for (index, byte) in bytes.prefix(10).enumerated() {
            tag |= UInt64(byte & 0x7F) << (7 * UInt64(index))
            if byte & 0x80 == 0 { break }
        }
        let field = (path + [String(tag >> 3)]).joined(separator: ".")
        throw Refusal(.unsupported, "this server does not know field \(field)", details: ["field": field])
    }

    package mutating func visitSingularEnumField<E: SwiftProtobuf.Enum>(value: E, fieldNumber: Int) throws {
        guard !Self.isKnown(value) else { return }
        let field = (path + [String(fieldNumber)]).joined(separator: ".")
        throw Refusal(
            .unsupported, "this server does not know value \(value.rawValue) of field \(field)",
            details: ["field": field])
    }

    /// Whether the schema has the value. Only the description of a value tells, which took a quarter of a Send's time
    /// on nng's threads: so the values that were seen are remembered, as many as the schema has at most.
    private static func isKnown<E: SwiftProtobuf.Enum>(_ value: E) -> Bool {
        let (type, number) = (ObjectIdentifier(E.self), value.rawValue)
        if seen.withLock({ $0[type]?.contains(number) == true }) { return true }
        guard !"\(value)".hasPrefix("UNRECOGNIZED") else { return false }
        seen.withLock { _ = $0[type, default: []].insert(number) }
        return true
    }

    private static let seen = Mutex<[ObjectIdentifier: Set<Int>]>([:])

    package mutating func visitSingularMessageField<M: SwiftProtobuf.Message>(value: M, fieldNumber: Int) throws {
        path.append(String(fieldNumber))
        try value.traverse(visitor: &self)
        path.removeLast()
    }

    package mutating func visitSingularDoubleField(value: Double, fieldNumber: Int) throws {}
    package mutating func visitSingularInt64Field(value: Int64, fieldNumber: Int) throws {}
    package mutating func visitSingularUInt64Field(value: UInt64, fieldNumber: Int) throws {}
    package mutating func visitSingularBoolField(value: Bool, fieldNumber: Int) throws {}
    package mutating func visitSingularStringField(value: String, fieldNumber: Int) throws {}
    package mutating func visitSingularBytesField(value: Data, fieldNumber: Int) throws {}

    package mutating func visitMapField<KeyType, ValueType: MapValueType>(
        fieldType: _ProtobufMap<KeyType, ValueType>.Type, value: _ProtobufMap<KeyType, ValueType>.BaseType,
        fieldNumber: Int
    ) throws {}
    package mutating func visitMapField<KeyType, ValueType>(
        fieldType: _ProtobufEnumMap<KeyType, ValueType>.Type, value: _ProtobufEnumMap<KeyType, ValueType>.BaseType,
        fieldNumber: Int
    ) throws {}
    package mutating func visitMapField<KeyType, ValueType>(
        fieldType: _ProtobufMessageMap<KeyType, ValueType>.Type,
        value: _ProtobufMessageMap<KeyType, ValueType>.BaseType, fieldNumber: Int
    ) throws {
        for message in value.values { try visitSingularMessageField(value: message, fieldNumber: fieldNumber) }
    }
}
