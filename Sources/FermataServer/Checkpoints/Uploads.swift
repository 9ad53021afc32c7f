internal import FermataProtocol
internal import Glibc
internal import OpenSSL

/// Checkpoints that are on their way in, each a file without a name: whatever happens, it goes with the process.
///
/// Used by one thread, which writes files and reads whole checkpoints: that is why it may cross threads.
final class Uploads: @unchecked Sendable {
    final class Upload {
        fileprivate let descriptor: Int32
        fileprivate(set) var byteCount = 0
        /// The number of the last part that came, and its SHA-256.
        fileprivate var part: UInt32 = 0
        fileprivate var lastPart: [UInt8] = []
        fileprivate var touched = Clock.monotonic

        fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    private let directory: String
    private var uploads: [RequestID: Upload] = [:]

    /// - Parameter directory: where the files are to be: that of the store.
    init(directory: String) { self.directory = directory }

    /// Takes a part; the one that came last may come again.
    func take(_ part: FermataImport, of id: RequestID) throws(Refusal) -> Upload {
        // A part that is here has come, however late it is decided.
        uploads[id]?.touched = Clock.monotonic
        forgetOld()
        let text = Array(part.text.utf8)
        let digest = sha256(text)
        if let upload = uploads[id] {
            if part.part == upload.part, digest == upload.lastPart { return upload }
            if part.part == upload.part + 1 {
                try append(text, digest, to: upload)
                return upload
            }
        }
        guard part.part == 1 else {
            let next = (uploads[id]?.part ?? 0) + 1
            throw Refusal(
                .notACheckpoint, "part \(part.part) comes where part \(next) is next", details: ["part": String(next)])
        }
        if uploads.count >= Configuration.uploads, uploads[id] == nil { giveWay() }
        guard uploads.count < Configuration.uploads || uploads[id] != nil else {
            throw Refusal(.overloaded, "\(Configuration.uploads) checkpoints are on their way in", retryAfterMs: 1000)
        }
        let upload = Upload(descriptor: try open())
        try append(text, digest, to: upload)
        uploads[id] = upload
        return upload
    }

    func drop(_ id: RequestID) { uploads[id] = nil }

    /// Calls `body` with all the bytes that came.
    func withBytes<Result>(
        of upload: Upload, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        guard upload.byteCount > 0 else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
        let address = mmap(nil, upload.byteCount, PROT_READ, MAP_PRIVATE, upload.descriptor, 0)
        guard let address, address != MAP_FAILED else { throw failure("mapped") }
        defer { munmap(address, upload.byteCount) }
        return try body(
            UnsafeBufferPointer(start: address.assumingMemoryBound(to: UInt8.self), count: upload.byteCount))
    }

    /// An upload whose client is gone.
    private func forgetOld() {
        let now = Clock.monotonic
        uploads = uploads.filter { now - $0.value.touched < Configuration.uploadPatience }
    }

    /// The one whose client was not heard of for longest gives way to a newcomer, if it is long.
    private func giveWay() {
        guard let oldest = uploads.min(by: { $0.value.touched < $1.value.touched }),
            Clock.monotonic - oldest.value.touched >= Configuration.uploadPatienceWhenFull
        else { return }
        uploads[oldest.key] = nil
    }

    private func append(_ text: [UInt8], _ digest: [UInt8], to upload: Upload) throws(Refusal) {
        guard upload.part < Configuration.uploadParts,
            upload.byteCount + text.count <= Configuration.checkpointBytes
        else {
            throw Refusal(
                .invalidArgument,
                """
                a checkpoint has more than \(Configuration.checkpointBytes >> 20) MiB or more than \
                \(Configuration.uploadParts) parts
                """, details: ["field": "part"])
        }
        let total = uploads.values.reduce(text.count) { $0 + $1.byteCount }
        guard total <= Configuration.uploadBytes else {
            throw Refusal(
                .overloaded, "checkpoints of \(Configuration.uploadBytes >> 20) MiB are on their way in",
                retryAfterMs: 1000)
        }
        var written = 0
        while written < text.count {
            let count = text.withUnsafeBytes { bytes in
                pwrite(
                    upload.descriptor, bytes.baseAddress! + written, bytes.count - written,
                    off_t(upload.byteCount + written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("written") }
            written += count
        }
        upload.byteCount += text.count
        upload.part += 1
        upload.lastPart = digest
    }

    private func open() throws(Refusal) -> Int32 {
        let path = "\(directory)/.upload-\(UInt64.random(in: 0 ... .max))"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("made") }
        unlink(path)
        return descriptor
    }

    private func failure(_ verb: String) -> Refusal {
        let number = errno
        if [ENOSPC, EDQUOT, EFBIG].contains(number) {
            return Refusal(.storeFull, "there is no room for the checkpoint")
        }
        if [EMFILE, ENFILE].contains(number) {
            return Refusal(
                .overloaded, "the checkpoint cannot be \(verb): the process has too many open descriptors",
                retryAfterMs: 1000)
        }
        return Refusal(.internalError, "the checkpoint cannot be \(verb): \(String(cString: strerror(number)))")
    }
}
