internal import FermataProtocol
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1

/// Looks at what requests say of the server that they are for, before it is made into what the rest of the gateway
/// sees: that has one host, and a target without one.
///
/// RFC 9112, 3.2: a request has exactly one Host, and a target may be a whole URL, whose host then counts. Two that
/// differ would let a request be one thing to whoever checks it and another to whoever answers it.
final class ExactRequests: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let admission: Admission
    private var isBroken = false

    init(_ admission: Admission) { self.admission = admission }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken else { return }
        if case .head(let head) = unwrapInboundIn(data), let problem = problem(of: head) {
            isBroken = true
            return context.fireErrorCaught(MalformedRequest(refusal: problem))
        }
        context.fireChannelRead(data)
    }

    private func problem(of head: HTTPRequestHead) -> Refusal? {
        let hosts = head.headers["Host"]
        guard hosts.count == 1 else {
            let count = hosts.isEmpty ? "no Host header" : "\(hosts.count) Host headers"
            return Refusal(.wrongHost, "the request has \(count)", details: ["header": "Host"])
        }
        // `*` is the server as a whole, to OPTIONS.
        if head.uri.hasPrefix("/") || head.uri == "*" { return nil }
        guard let authority = Self.authority(of: head.uri) else {
            return Refusal(.badMessage, "the request's target is neither a path nor an http URL")
        }
        guard admission.serves(authority.lowercased()) else {
            return Refusal(.wrongHost, "the request's target names a host that this gateway does not serve")
        }
        return nil
    }

    /// Of a target in absolute form: what stands between the scheme and the path.
    private static func authority(of target: String) -> String? {
        for scheme in ["http://", "https://"] where target.prefix(scheme.count).lowercased() == scheme {
            let authority = target.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            return authority.isEmpty || authority.contains("@") ? nil : String(authority)
        }
        return nil
    }

    /// Puts the above before the handler that makes one kind of request into the other, which is not where additional
    /// handlers are put.
    final class Entry: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = Any

        private let admission: Admission

        init(_ admission: Admission) { self.admission = admission }

        func handlerAdded(context: ChannelHandlerContext) {
            let pipeline = context.pipeline.syncOperations
            do {
                let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
                try pipeline.addHandler(ExactRequests(admission), position: .before(codec))
            } catch {
                // Nothing is served unchecked.
                context.close(promise: nil)
            }
        }
    }
}

@available(*, unavailable)
extension ExactRequests: Sendable {}
@available(*, unavailable)
extension ExactRequests.Entry: Sendable {}

/// A request that is not answered as what it is meant to be, and after which nothing is read.
struct MalformedRequest: Error {
    let refusal: Refusal
}
