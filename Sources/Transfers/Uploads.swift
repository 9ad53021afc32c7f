package import FermataProtocol
internal import Glibc
internal import OpenSSL
package import RunRows
internal import Threads

/// Checkpoints that are on their way in, each a file without a name: whatever happens, it goes with the process.
///
/// Used by one thread, which writes files and reads whole checkpoints: that is why it may cross threads.
package final class Uploads: @unchecked Sendable {
    /// Checkpoints that may be on their way in at once, the most that one and that all of them may have, in bytes, the most
    /// parts of one, and how long one waits for its next part.
    private static let mostAtOnce = 16
    private static let mostBytesOfOne = 256 << 20
    private static let mostBytes = 512 << 20
    private static let mostParts: UInt32 = 4096
    private static let patience = Duration.seconds(600)
    /// How long it is at least when there is no place for another one.
    private static let patienceWhenFull = Duration.seconds(30)

    package final class Upload {
        fileprivate let descriptor: Int32
        fileprivate(set) var byteCount = 0
        /// The number of the last part that came, and its SHA-256.
        fileprivate var part: UInt32 = 0
        fileprivate var lastPart: [UInt8] = []
        fileprivate var touched = MonotonicTime.now

        fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    private let directory: String
    private var uploads: [RequestID: Upload] = [:]

    /// - Parameter directory: where the files are to be: that of the store.
    package init(directory: String) { self.directory = directory }

    /// Takes a part; the one that came last may come again.
    package func take(_ part: FermataImport, of id: RequestID) throws(Refusal) -> Upload {
        // A part that is here has come, however late it is decided.
        uploads[id]?.touched = MonotonicTime.now
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
        if uploads.count >= Self.mostAtOnce, uploads[id] == nil { giveWay() }
        guard uploads.count < Self.mostAtOnce || uploads[id] != nil else {
            throw Refusal(.overloaded, "\(Self.mostAtOnce) checkpoints are on their way in", retryAfterMs: 1000)
        }
        let upload = Upload(descriptor: try open())
        try append(text, digest, to: upload)
        uploads[id] = upload
        return upload
    }

    package func drop(_ id: RequestID) { uploads[id] = nil }

    /// Calls `body` with all the bytes that came.
    package func withBytes<Result>(
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
        let now = MonotonicTime.now
        uploads = uploads.filter { now < $0.value.touched + Self.patience }
    }

    /// The one whose client was not heard of for longest gives way to a newcomer, if it is long.
    private func giveWay() {
        guard let oldest = uploads.min(by: { $0.value.touched < $1.value.touched }),
            MonotonicTime.now >= oldest.value.touched + Self.patienceWhenFull
        else { return }
        uploads[oldest.key] = nil
    }

    private func append(_ text: [UInt8], _ digest: [UInt8], to upload: Upload) throws(Refusal) {
        guard upload.part < Self.mostParts,
            upload.byteCount + text.count <= Self.mostBytesOfOne
        else {
            throw Refusal(
                .invalidArgument,
                """
                a checkpoint has more than \(Self.mostBytesOfOne >> 20) MiB or more than \
                \(Self.mostParts) parts
                """, details: ["field": "part"])
        }
        let total = uploads.values.reduce(text.count) { $0 + $1.byteCount }
        guard total <= Self.mostBytes else {
            throw Refusal(
                .overloaded, "checkpoints of \(Self.mostBytes >> 20) MiB are on their way in",
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
