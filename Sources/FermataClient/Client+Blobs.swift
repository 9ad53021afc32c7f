public import FermataProtocol
public import FoundationEssentials
internal import SwiftProtobuf

extension Client {
    /// Keeps an image or a file at the server, for messages and results to name.
    ///
    /// - Parameters:
    ///   - data: 1 to `FermataBlob.maximumBytes` bytes.
    ///   - name: of the file, without a directory; may be empty.
    ///   - type: as image/png. One of `FermataBlob.imageTypes` is an image.
    /// - Returns: the block that names it.
    /// - Throws: `ClientError`.
    public func keep(_ data: Data, named name: String, type: String) async throws -> FermataBlock {
        let reply = try await send(FermataPutBlob.with { $0.data = data })
        var blob = reply.blob
        blob.name = name
        blob.mediaType = type
        return .with {
            if FermataBlob.imageTypes.contains(type) { $0.image = blob } else { $0.file = blob }
        }
    }
}
