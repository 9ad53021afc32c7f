internal import FermataClient
internal import FermataProtocol
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import SwiftProtobuf
internal import Synchronization

/// What is answered, request by request.
final class Routes: Sendable {
    /// A body has to fit into one message of the control socket, with what goes before it.
    static let largestBody = Frame.maximumMessageLength - 4096
    /// Seconds. A body that has not come by then does not come; an answer that has not been taken by then is not taken.
    static let patience = 60

    let admission: Admission
    private let bell: EventBell
    /// Of the server's connections so many are streams' at most: see `GatedClient`.
    private let gate = Turnstile(places: 1)

    private let connections: OpenConnections
    /// Places of streams that are free: the others of the connections are for commands.
    private let streams: Mutex<Int>

    init(_ configuration: Gateway.Configuration, _ client: Client, _ connections: OpenConnections) {
        self.connections = connections
        streams = Mutex(max(1, configuration.connections * 3 / 4))
        admission = Admission(configuration, client)
        bell = EventBell(client)
    }

    /// - Throws: to make the connection close.
    func respond(to request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        connections.set(channel, isBusy: true)
        defer { connections.set(channel, isBusy: false) }
        var fields = HTTPFields()
        var reply = Reply(json: "{}")
        var stream: EventStream?
        var hasPlace = false
        defer { if hasPlace { streams.withLock { $0 += 1 } } }
        do {
            if let origin = try admission.admit(request) {
                fields[.accessControlAllowOrigin] = origin
                fields[.vary] = "Origin"
            }
            if request.method == .get, request.uri.path == "/v1/events" {
                let client = GatedClient(client: try admission.client(for: request), gate: gate)
                hasPlace = streams.withLock { places in
                    guard places > 0 else { return false }
                    places -= 1
                    return true
                }
                guard hasPlace else { throw NoPlace() }
                do {
                    stream = try await EventStream.open(request, client, bell)
                } catch let error as ClientError where error.isPassing {
                    reply = Reply.comeBack(because: error)
                }
            } else {
                if request.headers[.expect]?.lowercased() == "100-continue", request.method == .post {
                    try await writer.writeInformationalHead(HTTPResponse(status: .continue))
                }
                reply = try await answer(request, channel)
            }
        } catch is NoPlace {
            reply = Reply.comeBack(because: ClientError.overloaded)
        } catch {
            reply = Reply(to: error)
        }
        if let stream { return try await send(stream, fields, request, writer, channel) }
        for field in fields { reply.fields.append(field) }
        reply.fields[.contentLength] = "\(reply.body.count)"
        if reply.closes { reply.fields[.connection] = "close" }
        let timer = channel.closing(after: Self.patience)
        defer { timer.cancel() }
        try await writer.write(
            response: HTTPResponse(status: .init(code: reply.status), headerFields: reply.fields),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body)))
        if reply.closes { throw CancellationError() }
    }

    private func answer(_ request: Request, _ channel: any Channel) async throws -> Reply {
        let path = request.uri.path
        func only(_ method: HTTPRequest.Method) throws(GatewayFailure) {
            if request.method != method { throw .method(method.rawValue) }
        }
        if request.method == .options, request.headers[.origin] != nil {
            var reply = Reply(204, type: "text/plain", [])
            reply.fields[.accessControlAllowMethods] = "GET, POST"
            reply.fields[.accessControlAllowHeaders] =
                "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
            return reply
        }
        switch path {
        case "/health":
            try only(.get)
            do throws(ClientError) {
                _ = try await admission.nobody.send(FermataHello(), timeout: .seconds(5))
            } catch {
                // Nobody is refused; who refuses is alive.
                guard case .refused = error else { throw error }
            }
            return Reply(json: #"{"status":"ok"}"#)
        case "/metrics":
            try only(.get)
            let stats = try await admission.client(for: request).send(FermataStats())
            return Reply(200, type: Metrics.type, Array(Metrics.text(stats).utf8))
        case "/v1/events":
            throw GatewayFailure.method("GET")
        case _ where path.hasPrefix("/v1/"):
            guard let command = HTTPCommand.all[String(path.dropFirst(4))] else { throw GatewayFailure.noSuchPath }
            try only(.post)
            let caller = try admission.client(for: request)
            let type = contentType(request)
            guard type == "application/json" || type == nil else {
                throw GatewayFailure.contentType("application/json")
            }
            let body = try await body(of: request, channel)
            guard type != nil || body.isEmpty else { throw GatewayFailure.contentType("application/json") }
            return Reply(json: try await command.run(body, try idempotencyKey(request), caller))
        case _ where path.hasPrefix("/answers/"):
            try only(.post)
            let type = contentType(request) ?? "text/plain"
            guard ["application/json", "text/plain"].contains(type) else {
                throw GatewayFailure.contentType("application/json or text/plain")
            }
            let answer = try Answers.answer(
                token(in: path, after: "/answers/"), await body(of: request, channel),
                isJSON: type == "application/json", key: try idempotencyKey(request))
            return Reply(json: try Answers.told(await admission.nobody.send(answer)))
        case _ where path.hasPrefix("/resume/"):
            try only(.post)
            let token = try token(in: path, after: "/resume/")
            guard try await body(of: request, channel).isEmpty else {
                throw Refusal(.invalidArgument, "what lifts a hold has no body")
            }
            let resume = Answers.resume(token, key: try idempotencyKey(request))
            return Reply(json: try Answers.told(await admission.nobody.send(resume)))
        default: throw GatewayFailure.noSuchPath
        }
    }

    private func token(in path: String, after prefix: String) throws(GatewayFailure) -> String {
        let token = String(path.dropFirst(prefix.count))
        guard !token.isEmpty, token.utf8.count <= 256, !token.contains("/") else { throw .noSuchPath }
        return token
    }

    /// Two of them would be one that nobody has sent.
    private func idempotencyKey(_ request: Request) throws(Refusal) -> String? {
        let values = request.headers[values: .idempotencyKey]
        guard values.count <= 1 else {
            throw Refusal(.invalidArgument, "Idempotency-Key is there several times", details: ["field": "request_id"])
        }
        return values.first
    }

    private func contentType(_ request: Request) -> String? {
        guard let field = request.headers[.contentType] else { return nil }
        return String(field.prefix { $0 != ";" && $0 != " " }).lowercased()
    }

    private func body(of request: Request, _ channel: any Channel) async throws -> [UInt8] {
        let tooLarge = GatewayFailure(
            refusal: Refusal(.tooLarge, "the body is longer than \(Self.largestBody) bytes"), closes: true)
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= Self.largestBody else { throw tooLarge }
        let timer = channel.closing(after: Self.patience)
        defer { timer.cancel() }
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= Self.largestBody else { throw tooLarge }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    private func send(
        _ stream: EventStream, _ fields: HTTPFields, _ request: Request, _ writer: consuming ResponseWriter,
        _ channel: any Channel
    ) async throws {
        var head: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store", .connection: "close"]
        for field in fields { head.append(field) }
        let body: any ResponseBodyWriter = try await writer.writeHead(HTTPResponse(status: .ok, headerFields: head))
        // Ends as soon as the client has left, whatever is waited for.
        try await request.body.consumeWithCancellationOnInboundClose { _ in
            var body = body
            try await stream.play { text in
                let timer = channel.closing(after: Self.patience)
                defer { timer.cancel() }
                try await body.write(ByteBuffer(string: text))
            }
        }
        throw CancellationError()
    }
}

extension Channel {
    /// Closes the channel after so many seconds, unless the task is cancelled before. They are counted one by one: time
    /// in which this process was stopped is one of them at most.
    fileprivate func closing(after seconds: Int) -> RepeatedTask {
        let passed = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: eventLoop)
        return eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { task in
            passed.value += 1
            guard passed.value >= seconds else { return }
            task.cancel()
            self.close(mode: .all, promise: nil)
        }
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    fileprivate static let expect = HTTPField.Name("Expect")!
}

/// As many streams as there may be are open.
private struct NoPlace: Error {}

extension ClientError {
    fileprivate static let overloaded = ClientError.refused(
        Refusal(.overloaded, "as many streams are open as this gateway has places for", retryAfterMs: 2000).asMessage)
}
