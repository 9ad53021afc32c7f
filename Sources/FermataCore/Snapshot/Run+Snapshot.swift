public import FermataProtocol
internal import FoundationEssentials
internal import SwiftProtobuf

/// A run as bytes: a cache of what its events fold to, kept in the store.
extension Run {
    /// What the bytes mean. To be raised by whoever changes what is in them, or how events are folded: a snapshot of
    /// another format is none.
    public static let snapshotFormat: Int32 = 10

    /// The run, complete: a checksum of eight bytes, then a message of Snapshot/snapshot.proto.
    public var snapshot: [UInt8] {
        // Its fields were read from protobuf, or are strings and numbers: nothing that cannot be encoded.
        let message: [UInt8] = try! snapshotMessage.serializedBytes()
        return Run.checksum(message[...]) + message
    }

    /// Reads the snapshot of a run.
    ///
    /// - Returns: nil unless the bytes are, to the last of them, what ``snapshot`` was of that run.
    public init?(id: RunID, snapshot: [UInt8]) {
        let message = snapshot.dropFirst(8)
        guard snapshot.count > 8, Run.checksum(message) == Array(snapshot.prefix(8)),
            let state = try? SnapshotRun(serializedBytes: Array(message)), state.id == id.description
        else { return nil }
        self.init(id: id, state)
    }

    /// Tells damage, not intent: one changed word always changes the sum, because every step can be undone.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var sum = UInt64(bytes.count)
        bytes.withUnsafeBytes { bytes in
            let words = bytes.count / 8
            for index in 0..<words {
                sum = (sum ^ bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
                sum ^= sum >> 32
            }
            for byte in bytes[(words * 8)...] { sum = (sum ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15 }
        }
        return withUnsafeBytes(of: sum ^ sum >> 32) { Array($0) }
    }
}
