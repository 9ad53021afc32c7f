import Glibc

/// Replaces secrets in a stream of bytes by `****`, wherever the stream was cut into chunks.
///
/// Bytes at the end of a chunk that may be the beginning of a secret are held back until the next chunk decides.
/// What is encoded (base64, hexadecimal) is not found: this protects from accidents, not from intent.
struct SecretMask: Sendable {
    private static let replacement: [UInt8] = Array("****".utf8)

    private let secrets: [[UInt8]]
    private var held: [UInt8] = []

    init(_ secrets: [String]) {
        self.secrets = Set(secrets.map { Array($0.utf8) }).filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    /// What can be passed on after these bytes.
    mutating func mask(_ bytes: UnsafeRawBufferPointer) -> ReplacedText {
        if secrets.isEmpty { return ReplacedText(bytes: Array(bytes)) }
        held.append(contentsOf: bytes)
        return drain(isLast: false)
    }

    /// What was held back, at the end of the stream. A beginning of a secret that is long enough to be one is masked.
    mutating func finish() -> ReplacedText { secrets.isEmpty ? ReplacedText() : drain(isLast: true) }

    private mutating func drain(isLast: Bool) -> ReplacedText {
        var passed = ReplacedText()
        passed.bytes.reserveCapacity(held.count)
        let kept = held.withUnsafeBytes { bytes -> Int in
            var position = 0
            // The next place of each secret; searched again only once we are past it.
            var places = secrets.map { SecretMask.find($0, in: bytes, from: 0) }
            var open = SecretMask.openEnd(of: bytes, from: 0, secrets: secrets)
            while true {
                // Leftmost, and the longest of those: `secrets` is sorted by length.
                var match: (start: Int, length: Int)?
                for (index, secret) in secrets.enumerated() {
                    if let place = places[index], place < position {
                        places[index] = SecretMask.find(secret, in: bytes, from: position)
                    }
                    if let place = places[index], place < match?.start ?? Int.max { match = (place, secret.count) }
                }
                // A match inside what may be the beginning of a longer secret waits with it.
                guard let match, isLast || match.start < open else { break }
                passed.bytes.append(contentsOf: bytes[position..<match.start])
                passed.append(SecretMask.replacement, for: match.length)
                position = match.start + match.length
                if position > open { open = SecretMask.openEnd(of: bytes, from: position, secrets: secrets) }
            }
            open = max(open, position)
            passed.bytes.append(contentsOf: bytes[position..<open])
            guard isLast else { return open }
            if bytes.count - open >= CommandEnvironment.minimumSecretLength {
                passed.append(SecretMask.replacement, for: bytes.count - open)
            } else {
                passed.bytes.append(contentsOf: bytes[open...])
            }
            return bytes.count
        }
        held.removeFirst(kept)
        return passed
    }

    private static func find(_ secret: [UInt8], in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var position = start
        while position + secret.count <= bytes.count {
            let candidates = bytes.count - secret.count - position + 1
            guard let place = memchr(base + position, Int32(secret[0]), candidates) else { return nil }
            if memcmp(place, secret, secret.count) == 0 { return UnsafeRawPointer(place) - base }
            position = UnsafeRawPointer(place) - base + 1
        }
        return nil
    }

    /// Where the longest end of `bytes` begins that is a beginning of a secret and not all of it.
    private static func openEnd(of bytes: UnsafeRawBufferPointer, from start: Int, secrets: [[UInt8]]) -> Int {
        var open = bytes.count
        guard let base = bytes.baseAddress else { return open }
        for secret in secrets {
            var candidate = max(start, bytes.count - secret.count + 1)
            while candidate < open {
                if memcmp(base + candidate, secret, bytes.count - candidate) == 0 {
                    open = candidate
                    break
                }
                candidate += 1
            }
        }
        return open
    }
}
