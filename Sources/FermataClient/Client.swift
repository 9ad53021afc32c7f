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
    /// The frame that begins each message, if one does.
    private let auth: [UInt8]

    /// - Parameters:
    ///   - controlURL: as the server's `--control`, for example `ipc:///run/fermata/control.sock`.
    ///   - token: says who sends, and what it may do; nil: what the socket lets everybody do who can connect to it.
    public convenience init(controlURL: String, token: String? = nil) {
        self.init(controlURL, ConnectionPool(url: controlURL), token)
    }

    private init(_ controlURL: String, _ connections: ConnectionPool, _ token: String?) {
        self.controlURL = controlURL
        self.connections = connections
        auth =
            token.map { token in
                let body: [UInt8]? = try? FermataAuth.with { $0.token = token }.serializedBytes()
                return Frame(type: UInt16(FermataFrameType.auth.rawValue), body: body ?? []).encoded
            } ?? []
    }

    /// How many requests at once find a connection that is kept: this client's part of those that the server keeps for all
    /// its clients, as it said last. Beyond that each request may have another client's idle connection closed.
    public var connectionShare: Int { connections.share }

    /// A time-out that comes so much late tells that this process was stopped, and nothing of the server.
    private static let standstill = Duration.milliseconds(500)

    /// A client of the same server, over the same connections, that presents this token. An empty one is nobody's: it
    /// may send only what brings a token of its own along, as an answer to an ask may.
    public func presenting(token: String) -> Client { Client(controlURL, connections, token) }

    /// Sends one request and waits for its reply.
    ///
    /// A command without a request id gets one. If the connection breaks, or this process was stopped until after the
    /// time-out, the request is sent again, a few times at most: the server knows the id and acts once.
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
        return try decode(try await exchange(try encoded(request), timeout: timeout), as: R.self)
    }

    /// Sends a read once: a connection that breaks, or for which the server has no room, is an error at once. For whoever
    /// pauses and asks again.
    func sendOnce<R: ControlRequest>(_ read: R, timeout: Duration) async throws(ClientError) -> R.Reply {
        let message = try encoded(read)
        let reply: [UInt8]
        do {
            reply = try await connections.exchange(message, timeout: timeout, dialsAgain: false)
        } catch {
            throw ClientError(error, controlURL)
        }
        return try decode(reply, as: R.self)
    }

    private func encoded<R: ControlRequest>(_ request: R) throws(ClientError) -> [UInt8] {
        let body: [UInt8]
        do { body = try request.serializedBytes() } catch { throw .badReply("the request cannot be encoded: \(error)") }
        return auth + Frame(type: UInt16(R.frameType.rawValue), body: body).encoded
    }

    /// A server that is short of connections closes those that do nothing for newcomers; this one may have been taken
    /// for one in the moment in which its request went out.
    private func exchange(_ message: [UInt8], timeout: Duration) async throws(ClientError) -> [UInt8] {
        var attempts = 1
        var deadline = ContinuousClock.now + timeout
        while true {
            do {
                return try await connections.exchange(message, timeout: deadline - .now)
            } catch {
                let stoodStill = error == .timedOut && .now > deadline + Self.standstill
                // The time-out is of all attempts together, and begins anew only if nobody was there to see the reply.
                if stoodStill { deadline = .now + timeout }
                guard error == .connectionReset && .now < deadline || stoodStill, attempts < Self.mostAttempts else {
                    throw ClientError(error, controlURL)
                }
                // The first time at once: a server that has restarted is there again.
                if attempts > 1 { try? await Task.sleep(for: .milliseconds(Int.random(in: 10...40) * attempts)) }
                attempts += 1
            }
        }
    }

    private static let mostAttempts = 5

    private func decode<R: ControlRequest>(_ bytes: [UInt8], as request: R.Type) throws(ClientError) -> R.Reply {
        do {
            let frames = try Frame.frames(in: bytes)
            let sent = auth.isEmpty ? 1 : 2
            // A message that cannot be cut into frames is answered with one error.
            guard let frame = frames.last, frames.count == sent || frame.isError else {
                throw ClientError.badReply("\(frames.count) frames came for \(sent)")
            }
            switch frame.type {
            case UInt16(R.frameType.rawValue) | Frame.replyBit: return try R.Reply(serializedBytes: frame.body)
            case _ where frame.isError: throw ClientError.refused(try FermataError(serializedBytes: frame.body))
            default: throw ClientError.badReply("a frame of type \(frame.type) came")
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw .badReply("\(error)")
        }
    }
}

extension Frame {
    fileprivate var isError: Bool { type == UInt16(FermataFrameType.error.rawValue) }
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
    public var isPassing: Bool {
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
