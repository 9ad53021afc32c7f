import Models
import RawServer
import Testing

/// Everything that a provider or the way to it can do wrong: one typed failure each.
@Suite(.timeLimit(.minutes(2)))
struct OpenAIFailureTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let status: String
        let body: String
        let kind: ModelFailure.Kind
        let retryable: Bool
        let message: String
        var testDescription: String { "\(status): \(message)" }
    }

    static let refusals = [
        Refusal(
            status: "401 Unauthorized", body: #"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#,
            kind: .authentication, retryable: false, message: "HTTP 401: Incorrect API key"),
        Refusal(
            status: "403 Forbidden", body: "{}", kind: .authentication, retryable: false, message: "HTTP 403"),
        Refusal(
            status: "429 Too Many", body: #"{"error":{"message":"slow down","type":"requests"}}"#, kind: .rateLimited,
            retryable: true, message: "HTTP 429: slow down"),
        Refusal(
            status: "429 Too Many", body: #"{"error":{"message":"no money","type":"insufficient_quota"}}"#,
            kind: .quota, retryable: false, message: "HTTP 429: no money"),
        Refusal(
            status: "400 Bad", body: #"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
            kind: .contextTooLong, retryable: false, message: "HTTP 400: too long"),
        Refusal(
            status: "400 Bad", body: #"{"object":"error","message":"its maximum context length is 5","code":400}"#,
            kind: .contextTooLong, retryable: false, message: "HTTP 400: its maximum context length is 5"),
        Refusal(
            status: "400 Bad", body: #"{"error":"just text"}"#, kind: .httpStatus, retryable: false,
            message: "HTTP 400: just text"),
        Refusal(
            status: "422 Unprocessable", body: #"{"detail":"field required"}"#, kind: .httpStatus, retryable: false,
            message: "HTTP 422: field required"),
        Refusal(
            status: "404 Not Found", body: #"[{"error":{"message":"no\n such\u001b[31m model"}}]"#, kind: .httpStatus,
            retryable: false, message: "HTTP 404: no  such [31m model"),
        Refusal(status: "408 Timeout", body: "", kind: .httpStatus, retryable: true, message: "HTTP 408"),
        Refusal(status: "409 Conflict", body: "[]", kind: .httpStatus, retryable: true, message: "HTTP 409"),
        Refusal(
            status: "500 Oops", body: "<html>" + String(repeating: "x", count: 100_000), kind: .httpStatus,
            retryable: true, message: "HTTP 500"),
        Refusal(
            status: "529 Overloaded", body: #"{"error":{"message":null,"code":{}}}"#, kind: .httpStatus,
            retryable: true, message: "HTTP 529"),
        Refusal(
            status: "302 Found", body: "", kind: .httpStatus, retryable: false, message: "HTTP 302"),
    ]

    @Test(arguments: refusals)
    func aStatusThatRefuses(refusal: Refusal) async throws {
        let call = try await call(answeredBy: response(refusal.status, refusal.body))
        let failure = try #require(await call.failure)
        #expect(failure.kind == refusal.kind)
        #expect(failure.retryable == refusal.retryable)
        #expect(failure.message == refusal.message)
        #expect(failure.httpStatus == Int(refusal.status.prefix(3)))
        #expect(call.texts.isEmpty)
    }

    @Test func aLongMessageIsCut() async throws {
        let body = #"{"error":{"message":"\#(String(repeating: "ü", count: 5000))"}}"#
        let failure = try #require(await call(answeredBy: response("500 Oops", body)).failure)
        #expect(failure.message == "HTTP 500: " + String(repeating: "ü", count: 300))
    }

    @Test(arguments: [("7", 7000), ("0", 0), ("1.5", 1500)])
    func retryAfterSeconds(value: String, milliseconds: UInt64) async throws {
        let refusal = response("429 Too Many", "{}", headers: "Retry-After: \(value)\r\n")
        #expect(try await call(answeredBy: refusal).failure?.retryAfterMilliseconds == milliseconds)
    }

    @Test(arguments: ["soon", "-5", "nan", "1e999", "99999999999999999999", "0x10", ""])
    func retryAfterNonsense(value: String) async throws {
        let refusal = response("503 Busy", "{}", headers: "Retry-After: \(value)\r\n")
        let failure = try await call(answeredBy: refusal).failure
        #expect(failure?.kind == .httpStatus)
        #expect(failure?.retryAfterMilliseconds == nil)
    }

    @Test(arguments: [
        #"{"error":{"message":"overloaded","code":"server_error"}}"#, #"{"error":"overloaded"}"#,
        #"{"choices":[],"error":{"message":"overloaded","code":502}}"#,
    ])
    func anErrorInTheStream(json: String) async throws {
        let call = try await call(answeredBy: streamHead + chunk(textDelta("a") + event(json)) + lastChunk)
        let failure = try #require(await call.failure)
        #expect(failure.retryable)
        #expect(failure.message.contains("overloaded"))
        #expect(failure.httpStatus == nil)
        #expect(call.texts == ["a"])
    }

    @Test func whatTheErrorInTheStreamMeans() async throws {
        func kind(_ error: String) async throws -> ModelFailure.Kind? {
            try await call(answeredBy: streamHead + chunk(event(#"{"error":\#(error)}"#)) + lastChunk).failure?.kind
        }
        #expect(try await kind(#"{"message":"x","code":429}"#) == .rateLimited)
        #expect(try await kind(#"{"message":"x","code":"401"}"#) == .authentication)
        #expect(try await kind(#"{"message":"x","code":"context_length_exceeded"}"#) == .contextTooLong)
        #expect(try await kind(#"{"message":"x"}"#) == .badResponse)
    }

    @Test(arguments: [
        "", streamHead, streamHead + chunk(textDelta("a")), streamHead + chunk(textDelta("a")) + lastChunk,
        streamHead + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"") + lastChunk,
        // An odd member counts as absent, and so does what it would have said.
        streamHead + chunk(event(#"{"choices":[{"delta":{"content":7}}]}"#)) + lastChunk,
        streamHead + chunk(event(#"{"choices":"none"}"#)) + lastChunk,
        streamHead + "ff\r\ndata: {", streamHead + "zz\r\n", streamHead + lastChunk,
    ])
    func aStreamWithoutItsEnd(bytes: String) async throws {
        let failure = try #require(await call(answeredBy: bytes).failure)
        #expect(failure.kind == .brokenStream)
        #expect(failure.retryable)
    }

    @Test(arguments: [
        streamHead + chunk(event("{nonsense")) + lastChunk, streamHead + chunk(event("[1")) + lastChunk,
        streamHead + chunk(event(String(repeating: "[", count: 100_000))) + lastChunk,
        response("200 OK", "{}"), response("200 OK", ""), response("200 OK", "nonsense"),
        response("200 OK", #"{"choices":[]}"#), "garbage\r\n\r\n",
    ])
    func whatIsNoChatCompletion(bytes: String) async throws {
        let failure = try #require(await call(answeredBy: bytes).failure)
        #expect(failure.kind == .badResponse)
        #expect(failure.retryable)
    }

    @Test func giantHeaders() async throws {
        let line = "X: " + String(repeating: "h", count: 1000) + "\r\n"
        let failure = try await call(answeredBy: "HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 1000)).failure
        #expect(failure?.kind == .badResponse)
    }

    /// The provider would go on for ever, and be paid for it: a bad chunk closes the connection.
    @Test func aBadChunkClosesTheConnection() async throws {
        let closed = Latch<UInt64>()
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(streamHead + chunk(textDelta("a") + event("{") + textDelta("never")))
            closed.open(connection.waitForClose())
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.failure?.kind == .badResponse)
        _ = await closed.value
        #expect(call.texts == ["a"])
        #expect(call.ends == 1)
    }

    @Test func endlessBody() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            let comment = Array((": " + String(repeating: "c", count: 60_000) + "\n").utf8)
            while connection.send(comment) {}
        }
        defer { server.stop() }
        let call = OpenAICall(try HTTPModel(baseURL: server.url, key: ""))
        #expect(await call.failure?.kind == .badResponse)
    }

    @Test func silence() async throws {
        for bytes in ["", "HTTP/1.1 200 OK\r\n", streamHead, streamHead + chunk(textDelta("a"))] {
            let closed = Latch<UInt64>()
            let server = RawServer { connection, _ in
                _ = connection.readRequest()
                connection.send(bytes)
                closed.open(connection.waitForClose())
            }
            defer { server.stop() }
            let call = OpenAICall(try HTTPModel(baseURL: server.url, key: "", silence: .milliseconds(60)))
            let failure = try #require(await call.failure)
            #expect(failure.kind == .silence)
            #expect(failure.retryable)
            _ = await closed.value
        }
    }

    @Test func nobodyThere() async throws {
        let server = RawServer { _, _ in }
        let url = server.url
        server.stop()
        let failure = try #require(await OpenAICall(try HTTPModel(baseURL: url, key: "k")).failure)
        #expect(failure.kind == .connect)
        #expect(failure.retryable)
        let bad = try #require(await OpenAICall(try HTTPModel(baseURL: "ftp://127.0.0.1", key: "k")).failure)
        #expect(bad.kind == .connect)
        #expect(!bad.retryable)
    }

    // MARK: Keys

    @Test(arguments: ["sk-0123456789abcdef", String(repeating: "k3y", count: 3334)])
    func theKeyIsNeverShown(key: String) async throws {
        let echo = #"{"error":{"message":"the key \#(key) is wrong: \#(key)\#(key)"}}"#
        for bytes in [
            response("401 No", echo), response("500 No", echo), response("200 OK", echo),
            streamHead + chunk(event(echo)) + lastChunk, streamHead + chunk(event(key)) + lastChunk,
            response("200 OK", key), "HTTP/1.1 200 \(key)\r\n\(key)\r\n\r\n",
        ] {
            let failure = try #require(await call(answeredBy: bytes, key: key).failure)
            for text in ["\(failure)", failure.message, String(reflecting: failure)] {
                #expect(!text.contains(key.prefix(12)), "\(bytes.prefix(80))")
            }
        }
        let chat = try HTTPModel(baseURL: "http://user:\(key)@127.0.0.1:1/v1", key: key)
        var dumped = ""
        dump(chat, to: &dumped)
        for text in ["\(chat)", String(reflecting: chat), dumped] { #expect(!text.contains(key)) }
    }

    @Test func aKeyThatIsNoHeader() async throws {
        let chat = try HTTPModel(baseURL: "http://127.0.0.1:1", key: "secret-secret\r\nX-Other: 1")
        let failure = try #require(await OpenAICall(chat).failure)
        #expect(failure.kind == .connect)
        #expect(!failure.retryable)
        #expect(!failure.message.contains("secret"))
    }

    /// Libcurl would send the request again by itself; here the run decides, and its journal says so.
    @Test func aKeptConnectionThatClosesWithoutAnAnswer() async throws {
        let requests = Guarded(0)
        let server = RawServer { connection, _ in
            for answers in [true, false] {
                guard connection.readRequest() != nil else { return }
                requests.withLock { $0 += 1 }
                guard answers else { return }
                connection.send(streamHead + chunk(textDelta("a") + finish("stop") + done) + lastChunk)
            }
        }
        defer { server.stop() }
        let chat = try HTTPModel(baseURL: server.url + "/v1", key: "")
        #expect(await OpenAICall(chat).answer?.text == "a")
        let failure = try #require(await OpenAICall(chat).failure)
        #expect(failure.kind == .brokenStream)
        #expect(failure.retryable)
        #expect(requests.withLock { $0 } == 2)
        #expect(await OpenAICall(chat).answer?.text == "a")
        #expect(requests.withLock { $0 } == 3)
    }
}
