public import FermataProtocol
internal import Foundation
internal import NNG
internal import SwiftProtobuf

/// A client of a Fermata server's control socket.
///
/// Threads: any; each request in progress has a connection of its own (nng's rule for requests that must not be lost),
/// a few connections are kept and used again. Errors: `ClientError`.
public final class Client: Sendable {
    public let controlURL: String
    private let connections: ConnectionPool

    /// - Parameter controlURL: as the server's `--control`, for example `ipc:///run/fermata/control.sock`.
    public init(controlURL: String) {
        self.controlURL = controlURL
        connections = ConnectionPool(url: controlURL)
    }

    /// Sends one request and waits for its reply.
    ///
    /// A command without a request id gets one. If the connection breaks, the request is sent once more: the server
    /// knows the id and acts once.
    ///
    /// - Parameter timeout: for the reply; waiting reads need longer than what they ask for.
    public func send<R: ControlRequest>(_ request: R, timeout: Duration = .seconds(30)) async throws(ClientError)
        -> R.Reply
    {
        var request = request
        if var command = request as? any Command, command.requestID.isEmpty {
            command.requestID = UUID().uuidString.lowercased()
            request = command as! R
        }
        let body: [UInt8]
        do { body = try request.serializedBytes() } catch { throw .badReply("the request cannot be encoded: \(error)") }
        let message = Frame(type: UInt16(R.frameType.rawValue), body: body).encoded
        let reply: [UInt8]
        do {
            reply = try await connections.exchange(message, timeout: timeout)
        } catch .connectionReset {
            do {
                reply = try await connections.exchange(message, timeout: timeout)
            } catch {
                throw ClientError(error, controlURL)
            }
        } catch {
            throw ClientError(error, controlURL)
        }
        return try decode(reply, as: R.self)
    }

    private func decode<R: ControlRequest>(_ bytes: [UInt8], as request: R.Type) throws(ClientError) -> R.Reply {
        do {
            let frames = try Frame.frames(in: bytes)
            guard frames.count == 1 else { throw ClientError.badReply("\(frames.count) frames came for one") }
            switch frames[0].type {
            case UInt16(R.frameType.rawValue) | Frame.replyBit: return try R.Reply(serializedBytes: frames[0].body)
            case UInt16(FermataFrameType.error.rawValue):
                throw ClientError.refused(try FermataError(serializedBytes: frames[0].body))
            default: throw ClientError.badReply("a frame of type \(frames[0].type) came")
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw .badReply("\(error)")
        }
    }
}

/// Why a request has no reply.
public enum ClientError: Error, Sendable, CustomStringConvertible {
    /// The server refused it; nothing was changed.
    case refused(FermataError)
    /// Nobody listens at this URL.
    case notRunning(url: String)
    /// No reply within the time-out; the request may have been acted upon.
    case timedOut
    /// The transport's own words.
    case transport(String)
    /// What came is not a reply of this protocol.
    case badReply(String)

    init(_ error: NNGError, _ url: String) {
        self =
            switch error {
            case .connectionRefused: .notRunning(url: url)
            case .timedOut: .timedOut
            default: .transport("\(error)")
            }
    }

    /// The same request may succeed later: the server may be back, or have less to do.
    var isPassing: Bool {
        switch self {
        case .notRunning, .timedOut, .transport: true
        case .refused(let error): error.retryable
        case .badReply: false
        }
    }

    public var description: String {
        switch self {
        case .refused(let error): "\(error.message) [\(error.code)]"
        case .notRunning(let url): "no server listens at \(url)"
        case .timedOut: "the server did not answer in time"
        case .transport(let text): text
        case .badReply(let text): "the reply cannot be understood: \(text)"
        }
    }
}
