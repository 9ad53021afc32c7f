internal import FermataProtocol
internal import Foundation
internal import Journal
internal import OpenSSL

/// Tokens that lift one hold each.
///
/// A token is made from the run, the command that set the hold and a key of this server's, so that a repeat of the
/// command gets the same token though no place holds it: the journal has its SHA-256, and nothing more can be read
/// from a copy of the store. `frt_`, then base64url of 16 bytes of run, 8 that name the command, 16 of HMAC-SHA-256.
struct ResumeTokens: Sendable {
    private let key: [UInt8]
    private static let prefix = "frt_"
    private static let keyLength = 32

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
                else { throw StartFailure("\(path): the key of resume tokens cannot be written") }
                try FileManager.default.moveItem(atPath: temporary, toPath: path)
            }
            key = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure("\(path): the key of resume tokens cannot be read: \(error.localizedDescription)")
        }
        guard key.count == Self.keyLength else {
            throw StartFailure("\(path) is no key of resume tokens: it has \(key.count) bytes, not \(Self.keyLength)")
        }
    }

    /// The token of the hold that this command sets.
    func token(run: RunID, request: RequestID) -> String {
        let name = Array(sha256(request.high.bytes + request.low.bytes).prefix(8))
        let bytes = run.bytes + name
        return Self.prefix + Self.base64URL(bytes + code(bytes))
    }

    /// What a token says of itself.
    struct Claim {
        let run: RunID
        /// This server made it.
        let isOurs: Bool
        /// What the journal knows it by.
        let digest: [UInt8]
    }

    /// - Throws: `Refusal` with code INVALID_TOKEN for what is no token at all.
    func claim(_ token: String) throws(Refusal) -> Claim {
        guard token.hasPrefix(Self.prefix), token.utf8.count < 100,
            let bytes = Self.bytes(base64URL: String(token.dropFirst(Self.prefix.count))), bytes.count == 40,
            let run = RunID(bytes: bytes[..<16])
        else { throw .invalidToken }
        let isOurs = isEqualInConstantTime(code(Array(bytes[..<24])), Array(bytes[24...]))
        return Claim(run: run, isOurs: isOurs, digest: Self.digest(of: token))
    }

    static func digest(of token: String) -> [UInt8] { sha256(Array(token.utf8)) }

    private func code(_ bytes: [UInt8]) -> [UInt8] {
        Array(hmacSHA256(Array("fermata resume".utf8) + bytes, key: key).prefix(16))
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
