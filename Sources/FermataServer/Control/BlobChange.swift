internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// A PutBlob, with its digest.
struct BlobChange: Sendable {
    let sha256: [UInt8]
    let data: [UInt8]
    let identity: RunLoop.CommandIdentity
}

/// Blobs come in through the loop, as stored agents do.
extension RunLoop {
    /// Keeps what came with an effect's end, as far as its events name it: of an end that came too late they name nothing.
    func keep(_ blobs: [BlobRow], namedBy uses: some Sequence<BlobUse>) {
        let named = Set(uses.map(\.sha256))
        for blob in blobs where named.contains(blob.sha256) && !hasBlob(blob.sha256) { batch.blobs[blob.sha256] = blob }
    }

    private func hasBlob(_ sha256: [UInt8]) -> Bool {
        do { return try batch.blobs[sha256] != nil || writer.hasBlob(sha256) } catch {
            fail("the journal cannot be read", error)
        }
    }

    func handle(_ command: BlobChange) {
        let isThere = hasBlob(command.sha256)
        guard isThere || writer.hasRoom(forBytes: command.data.count) else {
            let full = Refusal(
                .storeFull, "the disk has too little room for the blob: the rest is kept for control of runs")
            batch.replies.append { _ in command.identity.reply(.failure(full)) }
            return
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
