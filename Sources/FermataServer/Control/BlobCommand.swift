internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import SwiftProtobuf

/// A PutBlob, with its digest.
struct BlobCommand: Sendable {
    let sha256: [UInt8]
    let data: [UInt8]
    let identity: RunLoop.CommandIdentity
}

/// Blobs come in through the loop, as stored agents do.
extension RunLoop {
    func handle(_ command: BlobCommand) {
        let isThere: Bool
        do { isThere = try batch.blobs[command.sha256] != nil || writer.hasBlob(command.sha256) } catch {
            fail("the journal cannot be read", error)
        }
        if !isThere {
            batch.blobs[command.sha256] = BlobRow(sha256: command.sha256, at: Clock.now, data: command.data)
        }
        let reply = FermataPutBlobReply.with {
            $0.blob.sha256 = command.sha256.hexadecimal
            $0.blob.bytes = UInt64(command.data.count)
            $0.changed = !isThere
        }
        remember(command.identity, try! reply.serializedBytes())
    }
}
