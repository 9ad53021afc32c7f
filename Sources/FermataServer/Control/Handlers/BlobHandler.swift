internal import FermataProtocol
internal import FoundationEssentials
internal import Journal
internal import OpenSSL
internal import SwiftProtobuf
internal import Threads

/// Images and files.
struct BlobHandler: FrameHandler {
    let entry: CommandEntry
    let readers: ReaderPool

    var routes: [Route] { [.command(entry, putBlob), .read(getBlob)] }

    private func putBlob(
        _ put: FermataPutBlob, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard !put.data.isEmpty else {
            throw Refusal(.invalidArgument, "data is empty", details: ["field": "data"])
        }
        // Digests of up to 4 MB take some milliseconds: not on a thread of nng's.
        try readers.readPage { _ in
            entry.refusing(put, complete) {
                let data = [UInt8](put.data)
                let identity = try entry.identity(of: put, complete)
                let command = BlobChange(sha256: sha256(data), data: data, identity: identity)
                entry.inbox.put(.putBlob(command), bytes: identity.size)
            }
        }
    }

    private func getBlob(
        _ get: FermataGetBlob, _ exchange: Exchange, _ complete: @escaping Exchange.Completion
    ) throws {
        guard let digest = FermataBlob.digest(get.sha256) else {
            throw Refusal(
                .invalidArgument, "sha256 is not 64 lowercase hexadecimal digits", details: ["field": "sha256"])
        }
        try readers.answerPage(complete) { reader in
            guard let data = try reader.blob(digest) else { throw Refusal.noSuchBlob(get.sha256) }
            guard sha256(data) == digest else {
                throw Refusal(.internalError, "the blob is damaged in the store; `fermata check` says more")
            }
            return FermataGetBlobReply.with { $0.data = Data(data) }
        }
    }
}
