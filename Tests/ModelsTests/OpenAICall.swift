import Models
import RawServer
import Testing

/// One call of a chat server and everything that it told.
final class OpenAICall: Sendable {
    let firstText = Latch<Void>()
    let end = Latch<Result<ModelAnswer, ModelFailure>>()
    private let told = Guarded<(pieces: [ModelPiece], texts: [String], ends: Int)>(([], [], 0))
    private let call = Latch<any ModelCall>()

    init(
        _ chat: HTTPModel, messages: [ModelMessage] = [.user("hi")], tools: [ModelTool] = [], model: String = "m"
    ) {
        call.open(
            chat.start(
                ModelRequest(
                    model: model, history: ModelHistory(.json(ModelProfile(), ModelOrigin()), messages), tools: tools,
                    conversation: "c"
                ),
                onPiece: { [self] piece in
                    told.withLock { told in
                        told.pieces.append(piece)
                        if case .text(let text) = piece { told.texts.append(text) }
                    }
                    firstText.open()
                },
                onEnd: { [self] result in
                    told.withLock { $0.ends += 1 }
                    end.open(result)
                }))
    }

    func cancel() { call.waitBlocking().cancel() }

    var pieces: [ModelPiece] { told.withLock { $0.pieces } }
    var texts: [String] { told.withLock { $0.texts } }
    var ends: Int { told.withLock { $0.ends } }

    var answer: ModelAnswer? { get async { try? await end.value.get() } }

    var failure: ModelFailure? {
        get async {
            if case .failure(let failure) = await end.value { return failure }
            return nil
        }
    }
}

let streamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

func event(_ json: String) -> String { "data: \(json)\n\n" }

func delta(_ json: String) -> String { event(#"{"choices":[{"index":0,"delta":\#(json),"finish_reason":null}]}"#) }

func textDelta(_ text: String) -> String { delta(#"{"content":"\#(text)"}"#) }

func finish(_ reason: String) -> String {
    event(#"{"choices":[{"index":0,"delta":{},"finish_reason":"\#(reason)"}]}"#)
}

let done = "data: [DONE]\n\n"
let lastChunk = "0\r\n\r\n"

/// A complete response with a body of known length.
func response(_ status: String, _ body: String, headers: String = "Content-Type: application/json\r\n") -> String {
    "HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// Serves these bytes to every request, and asks one.
func call(answeredBy bytes: String, key: String = "", silence: Duration = .seconds(60)) async throws -> OpenAICall {
    let server = RawServer { connection, _ in
        _ = connection.readRequest()
        connection.send(bytes)
    }
    defer { server.stop() }
    let call = OpenAICall(try HTTPModel(baseURL: server.url + "/v1", key: key, silence: silence))
    _ = await call.end.value
    #expect(call.ends == 1)
    return call
}

extension ModelHistory {
    init(_ form: Form, _ messages: [ModelMessage]) {
        self.init(form)
        for message in messages { append(message) }
    }
}
