import Foundation
import RawServer
import Testing

/// An endpoint for webhooks, as good or bad as a test wants it.
final class WebhookReceiver: Sendable {
    struct Message: Sendable {
        let id: String
        let timestamp: String
        let signature: String
        let body: [UInt8]
        /// Whether it was answered with 2xx.
        let isAccepted: Bool

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
        }
        var type: String { json["type"] as? String ?? "" }
        var data: [String: Any] { json["data"] as? [String: Any] ?? [:] }
        /// The status that a `run.status` tells of.
        var status: String { (data["run"] as? [String: Any])?["status"] as? String ?? "" }
        /// An id begins with its run's.
        var run: String { String(id.prefix { $0 != "/" }) }
        var seq: Int { Int(id.split(separator: "/").dropFirst().first ?? "") ?? 0 }
    }

    enum Answer: Sendable {
        case status(Int, headers: String = "")
        /// Byte by byte.
        case slowly(Int)
        /// Nothing, until the other side has enough.
        case silence
        case reset
    }

    private struct State {
        var messages: [Message] = []
        var waiting: [(isEnough: @Sendable ([Message]) -> Bool, waiter: CheckedContinuation<[Message], Never>)] = []
    }

    private let server: RawServer
    private let state: Guarded<State>

    var url: String { server.url + "/hook" }

    /// - Parameter answer: to a message that is the so-many-th of all, from 0; on the connection's own thread.
    init(_ answer: @escaping @Sendable (_ id: String, _ number: Int) -> Answer = { _, _ in .status(204) }) {
        let state = Guarded(State())
        let count = Guarded(0)
        self.state = state
        server = RawServer { connection, _ in
            while let request = connection.readRequest() {
                let id = request.header("webhook-id") ?? ""
                let number = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                let answer = answer(id, number)
                var isAccepted = false
                switch answer {
                case .status(let status, _): isAccepted = status / 100 == 2
                case .slowly(let status): isAccepted = status / 100 == 2
                case .silence, .reset: break
                }
                Self.add(
                    Message(
                        id: id, timestamp: request.header("webhook-timestamp") ?? "",
                        signature: request.header("webhook-signature") ?? "", body: request.body,
                        isAccepted: isAccepted), to: state)
                switch answer {
                case .status(let status, let headers):
                    connection.send("HTTP/1.1 \(status) Said\r\n\(headers)Content-Length: 0\r\n\r\n")
                case .slowly(let status):
                    for byte in "HTTP/1.1 \(status) Said\r\nContent-Length: 2\r\n\r\nok".utf8 {
                        usleep(2000)
                        connection.send([byte])
                    }
                case .silence: return _ = connection.waitForClose()
                case .reset: return connection.reset()
                }
            }
        }
    }

    private static func add(_ message: Message, to state: Guarded<State>) {
        let (messages, ready) = state.withLock { state in
            state.messages.append(message)
            let all = state.messages
            let ready = state.waiting.filter { $0.isEnough(all) }
            state.waiting.removeAll { $0.isEnough(all) }
            return (all, ready)
        }
        for entry in ready { entry.waiter.resume(returning: messages) }
    }

    /// All that came, accepted or not, in the order in which it came.
    var messages: [Message] { state.withLock { $0.messages } }

    /// Waits until enough has come.
    @discardableResult
    func wait(_ isEnough: @escaping @Sendable ([Message]) -> Bool) async -> [Message] {
        await withCheckedContinuation { waiter in
            let now = state.withLock { state -> [Message]? in
                if isEnough(state.messages) { return state.messages }
                state.waiting.append((isEnough, waiter))
                return nil
            }
            if let now { waiter.resume(returning: now) }
        }
    }

    func stop() { server.stop() }
}

extension [WebhookReceiver.Message] {
    var accepted: Self { filter(\.isAccepted) }

    /// The first time that each message was accepted: what a receiver that knows their ids acts on.
    var acceptedOnce: Self {
        var seen: Set<String> = []
        return accepted.filter { seen.insert($0.id).inserted }
    }

    func of(_ run: String) -> Self { filter { $0.run == run } }

    /// Holds the signatures of all of them to an implementation that is not ours.
    ///
    /// - Parameter python: one that has standardwebhooks.
    func verify(secret: String, python: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let script = """
            import base64, json, sys
            from standardwebhooks.webhooks import Webhook, WebhookVerificationError
            right, wrong = Webhook(sys.argv[1]), Webhook("whsec_" + base64.b64encode(b"x" * 32).decode())
            count = 0
            for line in sys.stdin:
                message = json.loads(line)
                body = base64.b64decode(message.pop("body"))
                right.verify(body, message)
                for hook, data in ((wrong, body), (right, body + b" ")):
                    try:
                        hook.verify(data, message)
                    except WebhookVerificationError:
                        count += 1
            print(count)
            """
        let lines = try map { message in
            let fields = [
                "webhook-id": message.id, "webhook-timestamp": message.timestamp,
                "webhook-signature": message.signature, "body": Data(message.body).base64EncodedString(),
            ]
            return String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", script, secret]
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        async let text = output.readAll()
        async let problems = errors.readAll()
        try input.fileHandleForWriting.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        try input.fileHandleForWriting.close()
        let (printed, said, code) = await (text, problems, process.exitCode())
        #expect(code == 0 && printed == "\(2 * count)\n", "\(said)", sourceLocation: sourceLocation)
    }
}
