internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows

/// Completes messages and results that name images and files.
struct ContentLookUp: Sendable {
    let readers: ReaderPool

    /// What a command says, checked and complete: its blocks name blobs that are there, with their sizes.
    ///
    /// - Parameter body: called here and now for what is text alone or wrong by itself, else on the thread that looks things
    ///   up.
    func complete(
        _ text: String, _ blocks: [FermataBlock], _ body: @escaping @Sendable (Result<Content, Refusal>) -> Void
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
    static func noSuchBlob(_ sha256: String) -> Refusal {
        Refusal(.noSuchBlob, "the server has no blob of this digest", details: ["sha256": sha256])
    }
}
