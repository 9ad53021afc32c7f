internal import HTTPTypes
internal import HummingbirdCore
internal import ModelScript
internal import NIOCore

/// Plays one turn to one client.
struct PlayedAnswer {
    let number: Int
    let stream: any AnswerStream
    let isStream: Bool
    let log: MockModelLog
    let gates: ScriptGates
    let connection: ClientConnection

    /// LiteLLM's own, which say who it is.
    private var proxyFields: [HTTPField] {
        guard turn.quirks.contains(.litellm) else { return [] }
        return [
            HTTPField(name: HTTPField.Name("x-litellm-version")!, value: "1.110.2"),
            HTTPField(name: HTTPField.Name("x-litellm-call-id")!, value: "call-\(number)"),
        ]
    }

    /// Thrown to make the connection close without the end of the answer.
    struct Abandoned: Error {}

    private var turn: ScriptTurn { stream.plan.turn }

    /// By which the real servers of the API name a request.
    private var requestID: HTTPField {
        HTTPField(
            name: HTTPField.Name(stream is MessagesStream ? "request-id" : "x-request-id")!,
            value: "req_\(number)")
    }

    /// - Throws: `Abandoned`, or the writer's error when the client has left.
    func play(_ writer: consuming ResponseWriter) async throws {
        var head: ResponseWriter? = consume writer
        var body: (any ResponseBodyWriter)?

        // Nothing is sent before the first token is due, not even the status line: as with a real model.
        func send(_ bytes: [UInt8]) async throws {
            if body == nil, let writer = head.take() {
                var fields: HTTPFields = [
                    .contentType: "text/event-stream", .cacheControl: "no-cache", requestID.name: requestID.value,
                ]
                for field in proxyFields { fields.append(field) }
                body = try await writer.writeHead(HTTPResponse(status: .ok, headerFields: fields))
                log.update(number) { $0.status = 200 }
                try await write(stream.begin() + bytes)
            } else {
                try await write(bytes)
            }
        }

        func write(_ bytes: [UInt8], isLast: Bool = false) async throws {
            let bytes = QuirkyBytes(turn.quirks).of(bytes, isLast: isLast)
            // Each in a chunk of its own.
            let pieces = turn.quirks.contains(.byteByByte) ? bytes.map { [$0] } : [bytes]
            for piece in pieces { try await body?.write(ByteBuffer(bytes: piece)) }
        }

        var playback = ScriptPlayback(turn)
        while true {
            if connection.isClosed { throw Abandoned() }
            switch playback.next(at: ClockReading.monotonic()) {
            case .wait(let time):
                guard await isDue(time) else { throw Abandoned() }
            case .gate(let name):
                log.update(number) { $0.waitsAtGate = name }
                guard await isOpened(name) else { throw Abandoned() }
                log.update(number) { $0.waitsAtGate = nil }
                playback.gateOpened(at: ClockReading.monotonic())
            case .send(let range):
                if isStream { try await send(stream.chunks(range)) }
                let now = ClockReading.now
                log.update(number) { entry in
                    if entry.firstToken == nil { entry.firstToken = now }
                    entry.tokensSent = range.upperBound
                }
            case .fault(.status(let status, let retryAfter, let text)):
                guard let writer = head.take() else { throw Abandoned() }
                end(.fault)
                return try await fail(writer, status, retryAfter, text)
            case .fault(.disconnect):
                end(.fault)
                throw Abandoned()
            case .fault(.end), .fault(.error):
                end(.fault)
                if isStream {
                    try await send([])
                    if case .error(_, let status, let code, let message)? = turn.fault {
                        let type =
                            status == 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error"
                        try await send(
                            stream.failed(MockRefusal(status: status, message: message, type: type, code: code)))
                    }
                    try await body?.finish(nil)
                } else if let writer = head.take() {
                    try await answer(writer, [])
                }
                return
            case .fault(.silence):
                end(.fault)
                _ = await wait(on: connection) { _ in {} }
                throw Abandoned()
            case .fault(.malformedChunk):
                end(.fault)
                if isStream {
                    try await send(stream.malformed())
                    try await body?.finish(nil)
                } else if let writer = head.take() {
                    try await answer(writer, Array(stream.whole().dropLast(8)))
                }
                return
            case .end:
                // Before the last bytes go out: a client that has them may leave before this thread runs again.
                end(.complete)
                do {
                    if isStream {
                        try await send([])
                        try await write(stream.end(), isLast: true)
                        if turn.quirks.contains(.abruptEnd) { throw Abandoned() }
                        try await body?.finish(nil)
                    } else if let writer = head.take() {
                        try await answer(writer, stream.whole())
                    }
                } catch {
                    log.update(number) { $0.end = .clientClosed }
                    throw error
                }
                return
            }
        }
    }

    private func isDue(_ time: UInt64) async -> Bool {
        await wait(on: connection) { wake in
            let now = ClockReading.monotonic()
            let delay = TimeAmount.nanoseconds(Int64(time > now ? time - now : 0))
            let timer = connection.channel.eventLoop.scheduleTask(in: delay) { wake() }
            return { timer.cancel() }
        }
    }

    private func isOpened(_ gate: String) async -> Bool {
        await wait(on: connection) { [gates] wake in
            let ticket = gates.whenOpen(gate, wake)
            return { if let ticket { gates.forget(ticket, at: gate) } }
        }
    }

    private func end(_ end: MockModelEntry.End) {
        let now = ClockReading.now
        log.update(number) { entry in
            guard entry.end == nil else { return }
            entry.end = end
            entry.ended = now
        }
    }

    private func answer(_ writer: consuming ResponseWriter, _ bytes: [UInt8]) async throws {
        log.update(number) { $0.status = 200 }
        var fields: HTTPFields = [
            .contentType: "application/json", .contentLength: "\(bytes.count)", requestID.name: requestID.value,
        ]
        for field in proxyFields { fields.append(field) }
        try await writer.write(
            response: HTTPResponse(status: .ok, headerFields: fields),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    private func fail(
        _ writer: consuming ResponseWriter, _ status: Int, _ retryAfter: UInt64?, _ text: String?
    ) async throws {
        let error = MockRefusal(
            status: status, message: "scripted fault in turn \(stream.plan.index)",
            type: status == 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error")
        let bytes = text.map { Array($0.utf8) } ?? stream.error(error)
        var fields: HTTPFields = [.contentType: "application/json", .contentLength: "\(bytes.count)"]
        fields[requestID.name] = requestID.value
        for field in proxyFields { fields.append(field) }
        let isProxied = turn.quirks.contains(.litellm)
        let name = isProxied ? HTTPField.Name("llm_provider-retry-after")! : .retryAfter
        if let retryAfter { fields[name] = "\(retryAfter)" }
        log.update(number) { $0.status = status }
        try await writer.write(
            response: HTTPResponse(status: .init(code: status), headerFields: fields),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
