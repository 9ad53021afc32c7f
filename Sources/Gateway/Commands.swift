internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import OpenSSL
internal import SwiftProtobuf

/// `POST /v1/<Command>`: every command of the schema, in protobuf's JSON mapping.
struct HTTPCommand: Sendable {
    /// The message's name in the schema.
    let name: String
    /// JSON in, JSON out.
    let run: @Sendable (_ body: [UInt8], _ idempotencyKey: String?, Client) async throws -> String

    /// All but Auth, which the bearer token is.
    static let all: [String: HTTPCommand] = Dictionary(
        uniqueKeysWithValues: FrameKind.all.filter { $0.effect != .authentication }.map {
            let command = HTTPCommand($0.request)
            return (command.name, command)
        })

    private init<R: ControlRequest>(_ type: R.Type) {
        name = String(R.protoMessageName.split(separator: ".").last ?? "")
        run = { body, key, client in
            var request: R = try decode(body)
            if var command = request as? any Command {
                if command.requestID.isEmpty, let key { command.requestID = RequestKey.id(key) }
                let changesNothing = (command as? FermataExport)?.handoff == false
                guard !command.requestID.isEmpty || changesNothing else {
                    throw Refusal(
                        .invalidArgument,
                        "requestId is missing, and so is an Idempotency-Key: a repeat would be another command",
                        details: ["field": "request_id"])
                }
                request = command as! R
            }
            if let read = request as? any WaitingRead { return try await Self.wait(read, client) }
            return try await client.send(request, timeout: .seconds(40)).jsonString()
        }
    }

    /// Also where the server has no place for one more who waits: a caller that is answered at once asks again at once.
    private static func wait<R: WaitingRead>(_ read: R, _ client: Client) async throws -> String {
        try await client.held(read).jsonString()
    }
}

/// Reads a message's JSON strictly: no field and no value that is not in the schema.
func decode<M: SwiftProtobuf.Message>(_ body: [UInt8]) throws -> M {
    guard !body.isEmpty else { return M() }
    do {
        return try M(jsonUTF8Bytes: body)
    } catch JSONDecodingError.unknownField(let name) {
        let field = String(name.prefix(100))
        throw Refusal(.unsupported, "this gateway does not know field \(field)", details: ["field": field])
    } catch JSONDecodingError.unrecognizedEnumValue {
        throw Refusal(.unsupported, "this gateway does not know a value that is one of a list")
    } catch {
        let type = String(M.protoMessageName.split(separator: ".").last ?? "")
        throw Refusal(.badMessage, "the body is not the JSON of a \(type)")
    }
}

/// Request ids from `Idempotency-Key`.
enum RequestKey {
    /// A UUID is taken as it is; of everything else the id is a digest.
    static func id(_ key: String) -> String {
        if let id = RunID(key) { return id.description }
        let digest = sha256(Array("fermata idempotency key ".utf8) + Array(key.utf8))
        return RunID(bytes: digest.prefix(16))?.description ?? ""
    }
}
