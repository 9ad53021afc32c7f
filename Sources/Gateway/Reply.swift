internal import EventStreams
internal import FermataClient
internal import FermataProtocol
internal import HTTPTypes
internal import SwiftProtobuf

/// A whole answer. Every error is JSON, in the layout and with the codes of the protocol.
struct Reply: Sendable {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]
    /// Nothing more is read from this connection.
    var closes = false

    init(_ status: Int = 200, json: String) {
        self.init(status, type: "application/json", Array(json.utf8))
    }

    init(_ status: Int, type: String, _ body: [UInt8]) {
        self.status = status
        fields = [.contentType: type, .cacheControl: "no-store"]
        self.body = body
    }

    /// - Parameter status: nil: as the error's class says.
    init(_ error: FermataError, status: Int? = nil) {
        self.init(status ?? Self.status(of: error), json: (try? error.jsonString()) ?? "{}")
        if self.status == 401 { fields[.wwwAuthenticate] = "Bearer" }
        if error.retryable, error.retryAfterMs > 0 { fields[.retryAfter] = String((error.retryAfterMs + 999) / 1000) }
    }

    init(_ refusal: Refusal, status: Int? = nil) { self.init(refusal.asMessage, status: status) }

    /// - Parameter error: whatever ended a request.
    init(to error: any Error) {
        switch error {
        case let failure as GatewayFailure:
            self.init(failure.refusal, status: failure.status)
            closes = failure.closes
            if !failure.allow.isEmpty { fields[.allow] = failure.allow }
        case let refusal as Refusal: self.init(refusal)
        case ClientError.refused(let error): self.init(error)
        case ClientError.notRunning: self.init(Refusal(.unreachable, "the server is not running"))
        case ClientError.timedOut: self.init(Refusal(.unreachable, "the server did not answer in time"), status: 504)
        case is ClientError: self.init(Refusal(.unreachable, "the server's answer did not arrive"), status: 502)
        default: self.init(Refusal(.internalError, "the gateway made a mistake"))
        }
    }

    /// Tells the reader of a stream to come back.
    ///
    /// To an EventSource any status but 200 is the end for ever. A stream that ends is what it connects to again, after
    /// the time that the stream says, and with the last id that it had before.
    static func comeBack(because error: ClientError) -> Reply {
        let json = String(decoding: Reply(to: error).body, as: UTF8.self)
        // Not all at once, again.
        let text = EventStreamText.event(name: "busy", data: json, retry: Int.random(in: 2000...5000))
        var reply = Reply(200, type: "text/event-stream", Array(text.utf8))
        reply.closes = true
        return reply
    }

    private static func status(of error: FermataError) -> Int {
        switch error.code {
        case ErrorCode.unauthenticated.name: return 401
        case ErrorCode.forbidden.name, ErrorCode.wrongHost.name: return 403
        case ErrorCode.tooLarge.name: return 413
        default: break
        }
        switch error.class {
        case ErrorCode.Class.invalid.name: return 400
        case ErrorCode.Class.notFound.name: return 404
        case ErrorCode.Class.state.name: return 409
        case ErrorCode.Class.unavailable.name: return 503
        default: return 500
        }
    }
}

/// A request that goes no further than the gateway.
struct GatewayFailure: Error {
    let refusal: Refusal
    var status: Int?
    /// The methods that the path has.
    var allow = ""
    /// What is left of the request is not read.
    var closes = false

    static let noSuchPath = GatewayFailure(refusal: Refusal(.unknownType, "there is nothing at this path"), status: 404)

    static func method(_ allow: String) -> GatewayFailure {
        GatewayFailure(refusal: Refusal(.unknownType, "this path takes \(allow)"), status: 405, allow: allow)
    }

    static func contentType(_ types: String) -> GatewayFailure {
        GatewayFailure(refusal: Refusal(.unsupported, "the body's Content-Type is not \(types)"), status: 415)
    }
}
