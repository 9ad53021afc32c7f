internal import COpenSSL

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece. See `man 3ssl EVP_DigestUpdate`.
///
/// Threads: used by one at a time. Ownership: frees its context.
public struct SHA256Stream: ~Copyable {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: [UInt8]) {
        let result = EVP_DigestUpdate(context, bytes, bytes.count)
        precondition(result == 1, "libcrypto cannot go on with a digest")
    }

    /// The digest: 32 bytes.
    public consuming func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let result = EVP_DigestFinal_ex(context, &digest, &length)
        precondition(result == 1 && length == 32, "libcrypto cannot end a digest")
        return digest
    }
}
