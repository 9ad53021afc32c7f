import FermataClient
import FermataProtocol
import Foundation
import RawServer
import Testing

extension OneServerAtATime {
    /// One request on the wire for each attempt that the journal knows, whatever a kept connection does.
    @Suite(.timeLimit(.minutes(2))) struct OnceTests {
        private static func answer(_ json: String) -> String {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)"
        }

        /// Chooses a call, so that the run has a next step.
        private static let calling = answer(
            #"{"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"terminal","#
                + #""arguments":"{\"command\":\"true\"}"}}]},"finish_reason":"tool_calls"}]}"#)

        private static let ending = answer(#"{"choices":[{"message":{"content":"Done."},"finish_reason":"stop"}]}"#)

        /// The server reads the second request on a kept connection whole, may act on it, and closes.
        @Test func aModelCallIsSentOnce() async throws {
            let requests = Guarded(0)
            let server = RawServer { connection, _ in
                while connection.readRequest() != nil {
                    let number = requests.withLock { count in
                        count += 1
                        return count
                    }
                    switch number {
                    case 1: connection.send(Self.calling)
                    case 2: return
                    default: connection.send(Self.ending)
                    }
                }
            }
            defer { server.stop() }
            let environment = ["LLM_MODEL": "openai/m", "LLM_BASE_URL": server.url + "/v1", "LLM_API_KEY": "k"]
            try await Service.run(environment: environment) { service in
                let run = try await service.launch()
                let failed = try await service.wait(run, .failed, .finished)
                #expect(failed.status == .failed)
                #expect(failed.failure.kind == "BROKEN_STREAM" && failed.failure.retryable)
                #expect(requests.withLock { $0 } == 2)
                try await service.resume(run)
                #expect(try await service.wait(run, .finished).lastMessage == "Done.")
                let called = try await service.events(run).count { $0.kindName == "modelCalled" }
                #expect(called == 3)
                #expect(requests.withLock { $0 } == called)

                // With attempts left the run tries again by itself, and each try is in its journal.
                requests.withLock { $0 = 0 }
                let again = try await service.launch { $0.modelAttempts = 2 }
                try await service.wait(again, .finished, .failed)
                let events = try await service.events(again)
                #expect(events.count { $0.kindName == "modelFailed" } == 1)
                #expect(events.count { $0.kindName == "modelCalled" } == 3)
                #expect(requests.withLock { $0 } == 3)
            }
        }

        /// A webhook's second message on a kept connection is read, and the connection closes: the next attempt comes
        /// after the back-off, as the log has it, and not at once.
        @Test func aWebhookIsSentOncePerAttempt() async throws {
            let seen = Guarded<[String]>([])
            let delivered = Latch<Void>()
            let server = RawServer { connection, _ in
                while let request = connection.readRequest() {
                    let (number, isLast) = seen.withLock { seen in
                        seen.append(request.header("webhook-id") ?? "")
                        return (seen.count, seen.count == 3)
                    }
                    if number == 2 { return }
                    connection.send("HTTP/1.1 204 No Content\r\n\r\n")
                    if isLast { delivered.open() }
                }
            }
            defer { server.stop() }
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let secret = "whsec_" + Data("the secret of the tests, 32 bytes".utf8).base64EncodedString()
            try Data(secret.utf8).write(to: URL(fileURLWithPath: directory + "/secret"))
            let file = directory + "/settings.yaml"
            let hook =
                "{name: h, url: '\(server.url)/', secret-file: \(directory)/secret, statuses: [IDLE, STOPPED], retry: [0.3]}"
            try Data("webhooks:\n- \(hook)\n".utf8).write(to: URL(fileURLWithPath: file))
            try Data(#"[{"text": "Done."}]"#.utf8).write(to: URL(fileURLWithPath: directory + "/script.json"))
            let environment = ["LLM_MODEL": "mock/\(directory)/script.json"]
            try await Service.run(environment: environment, arguments: ["--config", file, "--log-level", "debug"]) {
                service in
                let run = try await service.launch("")
                // The first message keeps a connection; the second goes over it.
                while seen.withLock({ $0.isEmpty }) { try await service.ticks(1) }
                try await service.stop(run)
                await delivered.value
                let ids = seen.withLock { $0 }
                #expect(ids.count == 3 && ids[0] != ids[1] && ids[1] == ids[2])
                while !service.serverLog.contains("endpoint is back") { try await service.ticks(1) }
                #expect(service.serverLog.components(separatedBy: "its messages are tried again").count == 2)
                #expect(seen.withLock { $0.count } == 3)
            }
        }
    }
}
