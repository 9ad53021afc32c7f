internal import HTTPTypes
internal import HummingbirdCore
internal import ModelScript
internal import NIOCore
internal import Synchronization

/// What the server answers, request by request.
final class MockModelRoutes: Sendable {
    let log = MockModelLog()
    let gates = ScriptGates()
    private let player: Mutex<ScriptPlayer>
    private let requiredKey: String?
    private let largestBody: Int
    private let strictness: Set<ChatStrictness>

    init(script: ModelScript, requiredKey: String?, largestBody: Int, strictness: Set<ChatStrictness> = []) {
        player = Mutex(ScriptPlayer(script))
        self.requiredKey = requiredKey
        self.largestBody = largestBody
        self.strictness = strictness
    }

    func respond(
        to request: Request, _ writer: consuming ResponseWriter, on connection: ClientConnection
    ) async throws {
        let path = request.uri.path
        switch (request.method, path) {
        case (.post, "/v1/chat/completions"), (.post, "/chat/completions"):
            try await answer(request, .chat, writer, connection)
        case (.post, "/v1/messages"), (.post, "/messages"):
            try await answer(request, .messages, writer, connection)
        case (.post, "/v1/responses"), (.post, "/responses"):
            try await answer(request, .responses, writer, connection)
        case (.get, "/v1/models"), (.get, "/models"):
            let refusal: MockRefusal?
            do throws(MockRefusal) {
                try checkKey(request)
                refusal = nil
            } catch { refusal = error }
            if let refusal { try await refuse(writer, refusal) } else { try await reply(writer, 200, models) }
        case (.get, "/health/liveliness") where isLiteLLM:
            try await reply(writer, 200, Array(#""I'm alive!""#.utf8))
        case (.get, "/log"):
            try await showLog(request, writer, connection)
        case (.get, "/gates"):
            try await reply(writer, 200, gateList)
        case (.post, _) where path.hasPrefix("/gates/"):
            gates.open(String(path.dropFirst(7)))
            try await reply(writer, 200, gateList)
        case (.delete, _) where path.hasPrefix("/gates/"):
            gates.close(String(path.dropFirst(7)))
            try await reply(writer, 200, gateList)
        default:
            let error = MockRefusal(
                status: 404, message: "Unknown request URL: \(request.method.rawValue) \(path).", code: "unknown_url")
            try await refuse(writer, error)
        }
    }

    /// Of which API a request is.
    private enum API { case chat, messages, responses }

    private func answer(
        _ request: Request, _ api: API, _ writer: consuming ResponseWriter, _ connection: ClientConnection
    ) async throws {
        let body: [UInt8]
        do {
            body = try await receive(request, writer)
        } catch let error as MockRefusal {
            let number = log.add(body: [], received: ClockReading.now)
            return try await refuse(writer, error, api, number, connection)
        }
        let received = ClockReading.now
        // What is left of a body whose client has gone is not a request.
        if connection.isClosed { throw PlayedAnswer.Abandoned() }
        let number = log.add(body: body, received: received)

        let stream: any AnswerStream
        let isStream: Bool
        do throws(MockRefusal) {
            try checkKey(request)
            switch api {
            case .chat:
                let chat = try ChatRequest(body, strictness)
                isStream = chat.isStream
                let conversation = request.headers[.conversation] ?? chat.conversation
                stream = ChatStream(
                    plan: try plan(chat.messages, conversation, number), request: chat, number: number,
                    created: received.unixMicroseconds / 1_000_000)
            case .messages:
                guard request.headers[.anthropicVersion] != nil else {
                    throw .invalid("anthropic-version: header is required", parameter: nil)
                }
                let asked = try MessagesRequest(body)
                isStream = asked.isStream
                let conversation = request.headers[.conversation] ?? ChatRequest.conversation(of: asked.messages)
                stream = MessagesStream(
                    plan: try plan(asked.messages, conversation, number), request: asked, number: number)
            case .responses:
                let asked = try ResponsesRequest(body)
                isStream = asked.isStream
                let conversation = request.headers[.conversation] ?? ChatRequest.conversation(of: asked.messages)
                stream = ResponsesStream(
                    plan: try plan(asked.messages, conversation, number), request: asked, number: number,
                    created: received.unixMicroseconds / 1_000_000)
            }
        } catch {
            return try await refuse(writer, error, api, number, connection)
        }
        noteClose(of: connection, number)
        let answer = PlayedAnswer(
            number: number, stream: stream, isStream: isStream, log: log, gates: gates, connection: connection)
        do {
            try await answer.play(writer)
        } catch {
            connection.close()
            throw error
        }
    }

    private func plan(
        _ messages: [ScriptMessage], _ conversation: String, _ number: Int
    ) throws(MockRefusal) -> ScriptPlan {
        log.update(number) { entry in
            entry.conversation = conversation
            entry.messageCount = messages.count
            entry.lastRole = messages.last?.role
            entry.lastContent = messages.last.map { String($0.content.unicodeScalars.prefix(4096)) }
        }
        let plan = player.withLock { player in
            Result { () throws(ScriptError) in
                try player.next(conversation: conversation, count: messages.count) { messages[$0] }
            }
        }
        switch plan {
        case .success(let plan):
            log.update(number) { $0.turn = plan.index }
            return plan
        case .failure(let error):
            throw MockRefusal(status: 400, message: "\(error)", code: "script_no_turn")
        }
    }

    private func checkKey(_ request: Request) throws(MockRefusal) {
        guard let requiredKey, request.headers[.authorization] != "Bearer \(requiredKey)",
            request.headers[.apiKey] != requiredKey
        else { return }
        throw MockRefusal(status: 401, message: "Incorrect API key provided.", code: "invalid_api_key")
    }

    /// The request's body; its beginning is asked for if the client waits with it.
    private func receive(_ request: Request, _ writer: borrowing ResponseWriter) async throws -> [UInt8] {
        let tooLarge = MockRefusal(
            status: 413, message: "The body is larger than \(largestBody) bytes.", code: "request_too_large")
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        if announced > largestBody { throw tooLarge }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(announced)
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= largestBody else { throw tooLarge }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    /// Notes in the log when the connection is seen closed, and that the client left if the answer was not complete.
    private func noteClose(of connection: ClientConnection, _ number: Int) {
        connection.whenClosed { [log] moment in
            log.update(number) { entry in
                entry.closed = moment
                guard entry.end == nil else { return }
                entry.end = .clientClosed
                entry.ended = moment
                entry.waitsAtGate = nil
            }
        }
    }

    private func refuse(
        _ writer: consuming ResponseWriter, _ error: MockRefusal, _ api: API, _ number: Int,
        _ connection: ClientConnection
    ) async throws {
        noteClose(of: connection, number)
        let now = ClockReading.now
        log.update(number) { entry in
            entry.end = .refused
            entry.ended = now
            entry.status = error.status
        }
        try await reply(writer, error.status, api == .messages ? error.messagesBody : error.body)
        // What is left of an oversized body is not read for ever.
        if error.status == 413 { throw PlayedAnswer.Abandoned() }
    }

    private func refuse(_ writer: consuming ResponseWriter, _ error: MockRefusal) async throws {
        try await reply(writer, error.status, error.body)
    }
}

extension MockModelRoutes {
    private var models: [UInt8] {
        let file = player.withLock { $0.script.file }
        let model = JSONNode.object([
            .init("id", .string(file)), .init("object", .string("model")), .init("created", .integer(0)),
            .init("owned_by", .string("fermata")),
        ])
        return Array(JSONNode.object([.init("object", .string("list")), .init("data", .array([model]))]).json.utf8)
    }

    /// Some turn is as LiteLLM's proxy has it.
    private var isLiteLLM: Bool { player.withLock { $0.script.turns.contains { $0.quirks.contains(.litellm) } } }

    private var gateList: [UInt8] {
        let list = gates.all.map { gate in
            JSONNode.object([
                .init("name", .string(gate.name)), .init("open", .bool(gate.isOpen)),
                .init("waiting", .integer(gate.waiting)),
            ])
        }
        return Array(JSONNode.array(list).json.utf8)
    }

    /// `GET /log`, with the parameters that `MockModel` documents.
    private func showLog(
        _ request: Request, _ writer: consuming ResponseWriter, _ connection: ClientConnection
    ) async throws {
        let query = request.uri.queryParameters
        let withBody = query["bodies"] == "1"
        guard let wanted = query["n"] else {
            let after = query["after"].flatMap { Int($0) } ?? 0
            let list = log.entries(after: after).map { $0.json(withBody: withBody) }
            return try await reply(writer, 200, Array(JSONNode.array(list).json.utf8))
        }
        guard let number = Int(wanted), number > 0 else {
            return try await refuse(writer, .invalid("'n' must be a number from 1.", "n"))
        }
        guard let milestone = MockModelLog.Milestone(query["until"] ?? "received") else {
            let names = "received, gate, first_token, tokens:N, ended, closed"
            return try await refuse(writer, .invalid("'until' must be one of \(names).", "until"))
        }
        let timeout = min(query["timeout_ms"].flatMap { Int64($0) } ?? 25_000, 600_000)

        let reading = Task { [log] in await log.entry(number, reaches: milestone) }
        let timer = connection.channel.eventLoop.scheduleTask(in: .milliseconds(max(0, timeout))) { reading.cancel() }
        let ticket = connection.whenClosed { _ in reading.cancel() }
        let entry = await reading.value
        timer.cancel()
        connection.forget(ticket)
        guard let entry else {
            let error = MockRefusal(
                status: 408, message: "Request \(number) has not come so far in \(timeout) ms.", type: "timeout")
            return try await refuse(writer, error)
        }
        try await reply(writer, 200, Array(entry.json(withBody: withBody).json.utf8))
    }

    private func reply(_ writer: consuming ResponseWriter, _ status: Int, _ bytes: [UInt8]) async throws {
        try await writer.write(
            response: HTTPResponse(
                status: .init(code: status),
                headerFields: [.contentType: "application/json", .contentLength: "\(bytes.count)"]),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension MockModelLog.Milestone {
    init?(_ name: Substring) {
        switch name {
        case "received": self = .received
        case "gate": self = .atGate
        case "first_token": self = .tokens(1)
        case "ended": self = .ended
        case "closed": self = .closed
        default:
            guard name.hasPrefix("tokens:"), let count = Int(name.dropFirst(7)), count > 0 else { return nil }
            self = .tokens(count)
        }
    }
}

extension HTTPField.Name {
    fileprivate static let anthropicVersion = HTTPField.Name("anthropic-version")!
    fileprivate static let apiKey = HTTPField.Name("x-api-key")!
    fileprivate static let conversation = HTTPField.Name("X-Conversation")!
    fileprivate static let expect = HTTPField.Name("Expect")!
}
