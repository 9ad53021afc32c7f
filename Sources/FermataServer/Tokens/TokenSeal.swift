internal import FermataProtocol
internal import Foundation
internal import Glibc
internal import JournalSQLite
internal import OpenSSL
internal import RunRows

/// Makes tokens out of what they stand for and a key of this server's: no place holds them, whoever may have one can
/// be told it again, and nothing can be read from a copy of the store. A prefix, then base64url of what the token
/// stands for and 16 bytes of HMAC-SHA-256. frozen: tokens that were given stay valid.
///
/// Threads: any.
struct TokenSeal: Sendable {
    private let key: [UInt8]
    /// The key was made now: no token that was given before is valid.
    let isNew: Bool
    private static let keyLength = 32
    private static let sumLength = 8
    private static let codeLength = 16

    init(key: [UInt8]) {
        self.key = key
        isNew = false
    }

    /// Reads the key from a file, or makes one. The file is the key and the first bytes of its SHA-256: another key
    /// would turn all tokens away that were given, without a word. frozen: so is the key alone, as files of 0.1.0 are,
    /// which get their sum when they are read.
    ///
    /// - Throws: `StartFailure` if the file cannot be read or written, or is no key.
    init(file path: String) throws {
        let found = try Self.read(path)
        isNew = found == nil
        var content = found ?? randomBytes(Self.keyLength)
        if content.count == Self.keyLength {
            content += Self.sum(of: content)
            try Self.write(content, to: path)
        }
        key = Array(content.prefix(Self.keyLength))
        guard content.count == Self.keyLength + Self.sumLength else {
            throw StartFailure(
                "\(path) is no key of tokens: it has \(content.count) bytes, not \(Self.keyLength + Self.sumLength)")
        }
        guard Array(content.dropFirst(Self.keyLength)) == Self.sum(of: key) else {
            throw StartFailure(
                "\(path) is damaged: put it back from a copy, or remove it, and tokens to resume and to answer that were "
                    + "given before are not taken any more")
        }
    }

    private static func sum(of key: [UInt8]) -> [UInt8] { Array(sha256(key).prefix(sumLength)) }

    /// - Returns: nil: there is no file.
    private static func read(_ path: String) throws(StartFailure) -> [UInt8]? {
        func failure(_ cause: String) -> StartFailure { .init("\(path): the key of tokens cannot be read: \(cause)") }
        let descriptor: Int32
        do { descriptor = try RegularFile.open(path, O_RDONLY) } catch {
            if error.isMissing { return nil }
            throw failure(error.cause)
        }
        defer { close(descriptor) }
        // What is longer is no key.
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw failure(String(cString: strerror(errno))) }
        return Array(bytes.prefix(count))
    }

    /// Whole or not at all: neither a crash nor a power cut in between leaves half a key, or none in the place of one.
    private static func write(_ content: [UInt8], to path: String) throws(StartFailure) {
        func failure(_ cause: String) -> StartFailure {
            .init("\(path): the key of tokens cannot be written: \(cause)")
        }
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor: Int32
        do { descriptor = try RegularFile.open(temporary, O_WRONLY | O_CREAT | O_NOFOLLOW) } catch {
            throw failure(error.cause)
        }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, content, content.count) == content.count, fsync(descriptor) == 0,
            rename(temporary, path) == 0
        else { throw failure(String(cString: strerror(errno))) }
    }

    /// A kind of token.
    struct Kind: Sendable {
        /// How its texts begin.
        let prefix: String
        /// What keeps the tokens of one kind from being taken for those of another.
        let domain: String
        /// Bytes of what it stands for.
        let length: Int
    }

    func seal(_ bytes: [UInt8], as kind: Kind) -> String {
        kind.prefix + Self.base64URL(bytes + code(bytes, kind))
    }

    /// What a token stands for, and whether this server made it; nil for what is no token of the kind at all.
    func unseal(_ token: String, as kind: Kind) -> (bytes: [UInt8], isOurs: Bool)? {
        guard token.hasPrefix(kind.prefix), token.utf8.count < 200,
            let bytes = Self.bytes(base64URL: String(token.dropFirst(kind.prefix.count))),
            bytes.count == kind.length + Self.codeLength
        else { return nil }
        let content = Array(bytes[..<kind.length])
        return (content, isEqualInConstantTime(code(content, kind), Array(bytes[kind.length...])))
    }

    private func code(_ bytes: [UInt8], _ kind: Kind) -> [UInt8] {
        Array(hmacSHA256(Array(kind.domain.utf8) + bytes, key: key).prefix(Self.codeLength))
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(base64URL text: String) -> [UInt8]? {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let bytes = Data(base64Encoded: standard + padding).map({ [UInt8]($0) }) else { return nil }
        // Other texts decode to the same bytes (the bits that the last character does not use): they are no tokens.
        return base64URL(bytes) == text ? bytes : nil
    }
}

extension Refusal {
    static let invalidToken = Refusal(.invalidToken, "the token is none that this server has given")
}
