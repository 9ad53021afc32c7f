internal import FermataProtocol
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Answers what is not HTTP, or too long to be read as such, as everything else is answered: with JSON. Then it closes.
///
/// What came before it on the same connection is answered first. A request whose body turns out to be malformed gets
/// this answer in place of its own, unless that has begun.
final class MalformedRequests: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Requests that are there, and that have a whole answer.
    private var complete = 0
    private var answered = 0
    private var isAnswering = false
    /// The answer that was given last says that the connection closes.
    private var isClosing = false
    private var problem: Refusal?
    /// The problem was told: nothing else goes out.
    private var isTold = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard problem == nil else { return }
        if case .end = unwrapInboundIn(data) { complete += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isTold else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let part = unwrapOutboundIn(data)
        if case .head(let head) = part, head.status.kind != .informational {
            isAnswering = true
            isClosing = head.headerFields[.connection]?.lowercased() == "close"
        }
        context.write(data, promise: promise)
        guard case .end = part else { return }
        answered += 1
        isAnswering = false
        tell(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is IOError, is ChannelError: return context.close(promise: nil)
        case let malformed as MalformedRequest: problem = problem ?? malformed.refusal
        default: problem = problem ?? Refusal(.badMessage, "the request is not HTTP, or its header is too long")
        }
        tell(context)
    }

    /// Tells the problem when it is its turn.
    private func tell(_ context: ChannelHandlerContext) {
        guard let problem, !isTold, !isAnswering, answered >= complete, !isClosing else { return }
        isTold = true
        guard answered == complete else {
            // The request had its answer before its body went wrong.
            context.flush()
            return context.close(promise: nil)
        }
        let reply = Reply(problem, status: 400)
        var fields = reply.fields
        fields[.contentLength] = "\(reply.body.count)"
        fields[.connection] = "close"
        context.write(wrapOutboundOut(.head(HTTPResponse(status: .badRequest, headerFields: fields))), promise: nil)
        context.write(wrapOutboundOut(.body(context.channel.allocator.buffer(bytes: reply.body))), promise: nil)
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in loopBound.value.close(promise: nil) }
    }
}

@available(*, unavailable)
extension MalformedRequests: Sendable {}
