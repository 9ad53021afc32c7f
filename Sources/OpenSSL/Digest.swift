internal import COpenSSL

/// SHA-256 of bytes (FIPS 180-4): 32 bytes. See `man 3ssl EVP_Digest`.
///
/// Threads: any.
public func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let result = EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
    precondition(result == 1 && length == 32, "libcrypto has no SHA-256")
    return digest
}

/// HMAC with SHA-256 (RFC 2104): 32 bytes that only the holder of the key can make. See `man 3ssl HMAC`.
///
/// Threads: any.
public func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let result = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &code, &length)
    precondition(result != nil && length == 32, "libcrypto has no HMAC")
    return code
}

/// Bytes that nobody can guess. See `man 3ssl RAND_bytes`.
///
/// Threads: any.
public func randomBytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    precondition(RAND_bytes(&bytes, Int32(count)) == 1, "libcrypto has no random numbers")
    return bytes
}

/// Whether two secrets are equal, in a time that tells nothing of where they differ; their lengths are no secret.
/// See `man 3ssl CRYPTO_memcmp`.
///
/// Threads: any.
public func isEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}
