internal import FermataProtocol
internal import Foundation
internal import OpenSSL
internal import RunRows

/// Makes tokens out of what they stand for and a key of this server's: no place holds them, whoever may have one can
/// be told it again, and nothing can be read from a copy of the store. A prefix, then base64url of what the token
/// stands for and 16 bytes of HMAC-SHA-256. frozen: tokens that were given stay valid.
///
/// Threads: any.
struct TokenSeal: Sendable {
    private let key: [UInt8]
    private static let keyLength = 32
    private static let codeLength = 16

    init(key: [UInt8]) { self.key = key }

    /// Reads the key from a file, or makes one.
    ///
    /// - Throws: `StartFailure` if the file cannot be read or written, or is no key.
    init(file path: String) throws {
        do {
            if !FileManager.default.fileExists(atPath: path) {
                // Whole or not at all: a crash in between must not leave half a key.
                let made = Data(randomBytes(Self.keyLength))
                let temporary = path + ".new"
                try? FileManager.default.removeItem(atPath: temporary)
                guard
                    FileManager.default.createFile(
                        atPath: temporary, contents: made, attributes: [.posixPermissions: 0o600])
                else { throw StartFailure("\(path): the key of tokens cannot be written") }
                try FileManager.default.moveItem(atPath: temporary, toPath: path)
            }
            key = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure("\(path): the key of tokens cannot be read: \(error.localizedDescription)")
        }
        guard key.count == Self.keyLength else {
            throw StartFailure("\(path) is no key of tokens: it has \(key.count) bytes, not \(Self.keyLength)")
        }
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
