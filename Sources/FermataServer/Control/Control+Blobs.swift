internal import FermataCore
internal import FermataProtocol
internal import FoundationEssentials
internal import Journal
internal import OpenSSL
internal import RunRows
internal import SwiftProtobuf
internal import Threads

/// Images and files, and the messages and results that name them.
extension Control {
    func putBlob(_ put: FermataPutBlob, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) throws {
        guard !put.data.isEmpty else {
            throw Refusal(.invalidArgument, "data is empty", details: ["field": "data"])
        }
        // Digests of up to 4 MB take some milliseconds: not on a thread of nng's.
        try readers.readPage { [self] _ in
            do {
                let data = [UInt8](put.data)
                let identity = try identity(of: put, complete)
                let command = BlobCommand(sha256: sha256(data), data: data, identity: identity)
                loop.inbox.put(.putBlob(command), bytes: identity.size)
            } catch {
                complete(.failure(error as? Refusal ?? Refusal(.internalError, "\(error)")))
            }
        }
    }

    func getBlob(_ get: FermataGetBlob, _ complete: @escaping Exchange.Completion) throws {
        guard let digest = FermataBlob.digest(get.sha256) else {
            throw Refusal(
                .invalidArgument, "sha256 is not 64 lowercase hexadecimal digits", details: ["field": "sha256"])
        }
        try readers.readPage { reader in
            complete(
                Result {
                    guard let data = try reader.blob(digest) else { throw Refusal.noSuchBlob(get.sha256) }
                    guard sha256(data) == digest else {
                        throw Refusal(.internalError, "the blob is damaged in the store; `fermata check` says more")
                    }
                    return try FermataGetBlobReply.with { $0.data = Data(data) }.serializedBytes()
                })
        }
    }

    /// What a command says, checked and complete: its blocks name blobs that are there, with their sizes.
    func withContent(
        _ text: String, _ blocks: [FermataBlock],
        _ body: @escaping @Sendable (Result<Content, Refusal>) -> Void
    ) {
        let checked: [FermataBlock]
        do { checked = try blocks.completed(with: text) } catch { return body(.failure(Refusal(error))) }
        guard !checked.isEmpty else { return body(.success(Content(text))) }
        readers.lookUp { reader in
            body(
                Result {
                    var complete = checked
                    for index in complete.indices {
                        guard var blob = complete[index].blob, let digest = blob.digest else { continue }
                        guard let (count, head) = try reader.blobHead(digest, atMost: 16) else {
                            throw Refusal.noSuchBlob(blob.sha256)
                        }
                        if case .image = complete[index].kind, !FermataBlob.isImage(head, of: blob.mediaType) {
                            throw Refusal(
                                .invalidArgument, "an image is not what its media_type says: its first bytes differ",
                                details: ["field": "blocks"])
                        }
                        blob.bytes = UInt64(count)
                        complete[index].blob = blob
                    }
                    return Content(text, blocks: complete)
                })
        }
    }
}

extension Refusal {
    fileprivate static func noSuchBlob(_ sha256: String) -> Refusal {
        Refusal(.noSuchBlob, "the server has no blob of this digest", details: ["sha256": sha256])
    }
}
