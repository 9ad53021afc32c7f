import FermataClient
import FermataProtocol
import Foundation
import RawServer
import Testing

extension OneServerAtATime {
    /// A key that a model's server, a tool or a worker gives back is nowhere that anybody looks.
    @Suite(.timeLimit(.minutes(3))) struct KeyTests {
        /// Signs of every kind, so that each form of it is another.
        private static let key = #"sk-A/b+c=9"d\e%f-0123456789"#
        private static let percent = key.utf8.map { "%" + String($0, radix: 16) }.joined()
        private static let unicode = key.utf8.map { #"\u00"# + String($0, radix: 16) }.joined()

        private static func json(_ text: String) -> String {
            String(decoding: try! JSONEncoder().encode(text), as: UTF8.self)
        }

        /// Everything of the key's forms that is long enough to be one.
        private static func shows(_ text: String) -> Bool {
            let inner = json(key).dropFirst().dropLast()
            return [key, key.replacing("/", with: #"\/"#), String(inner), String(inner).replacing(#"\/"#, with: "/")]
                .contains {
                    text.contains($0) || text.contains($0.dropLast(4)) || text.contains($0.dropFirst(4))
                } || text.lowercased().contains(percent) || text.lowercased().contains(unicode)
        }

        private static func respond(_ connection: RawConnection, _ events: [String]) {
            let body = events.map { "data: \($0)\n\n" }.joined() + "data: [DONE]\n\n"
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
        }

        private static func delta(_ member: String, reason: String = "null") -> String {
            #"{"choices":[{"delta":{\#(member)},"finish_reason":\#(reason)}]}"#
        }

        private static func text(_ text: Substring) -> String { delta(#""content":\#(json(String(text)))"#) }

        /// Runs a body with a server whose model is this, and everything that anybody can see of it afterwards.
        private func run(
            _ model: @escaping @Sendable (RawConnection, _ request: Int) -> Void, key: String = key,
            _ body: (Service) async throws -> Void
        ) async throws {
            let requests = Guarded(0)
            let server = RawServer { connection, _ in
                while let request = connection.readRequest() {
                    #expect(request.header("Authorization") == "Bearer \(key)")
                    let number = requests.withLock { count in
                        count += 1
                        return count
                    }
                    model(connection, number)
                }
            }
            defer { server.stop() }
            let environment = ["LLM_MODEL": "openai/m", "LLM_BASE_URL": server.url + "/v1", "LLM_API_KEY": key]
            try await Service.run(environment: environment) { service in
                try await body(service)
                #expect(await service.terminate() == 0)
                // Whatever is in the store, however it is encoded there.
                for name in try FileManager.default.contentsOfDirectory(atPath: service.directory)
                where name.hasPrefix("fermata.db") || name == "serve.log" {
                    let bytes = try Data(contentsOf: URL(fileURLWithPath: service.directory + "/" + name))
                    #expect(bytes.range(of: Data(key.utf8)) == nil, "\(name)")
                    #expect(!Self.shows(String(decoding: bytes, as: UTF8.self)), "\(name)")
                }
            }
        }

        /// Split over two deltas at each byte, and over as many as it has: what is published shows nothing of it.
        @Test func aModelThatSaysTheKey() async throws {
            let key = Self.key
            let said =
                (0...key.count).map { ["<\(key.prefix($0))"[...], "\(key.dropFirst($0))>"[...]] }
                + [key.map { Substring(String($0)) } + ["."]]
            try await run { connection, number in
                Self.respond(connection, said[number - 1].map(Self.text) + [Self.delta("", reason: #""stop""#)])
            } _: { service in
                let pieces = try await service.client.text()
                for parts in said {
                    let run = try await service.launch()
                    let summary = try await service.wait(run, .finished, .failed)
                    let expected = parts.count == 2 ? "<****>" : "****."
                    #expect(summary.lastMessage == expected)
                    var text = ""
                    for await piece in pieces where piece.run == run {
                        text += piece.text
                        if text.utf8.count >= expected.utf8.count { break }
                    }
                    #expect(text == expected)
                }
            }
        }

        /// What is escaped once in a question is escaped twice in the arguments.
        @Test func aModelThatAsksWithTheKey() async throws {
            let inner = String(Self.json(Self.key).dropFirst().dropLast())
            try await run { connection, number in
                guard number == 1 else {
                    return Self.respond(connection, [Self.text("Done."), Self.delta("", reason: #""stop""#)])
                }
                let arguments = Self.json(
                    #"{"question":\#(Self.json("Is \(inner) right?")),"context":\#(Self.json(Self.unicode))}"#)
                let call = #"{"index":0,"id":"a","function":{"name":"ask_human","arguments":\#(arguments)}}"#
                Self.respond(
                    connection, [Self.delta(#""tool_calls":[\#(call)]"#), Self.delta("", reason: #""tool_calls""#)])
            } _: { service in
                let run = try await service.launch()
                try await service.wait(run, .waiting)
                let ask = try #require(try await service.client.send(FermataListAsks()).asks.first)
                #expect(ask.question == "Is **** right?" && ask.context == "****")
                #expect(!Self.shows(try await service.export(run)))
            }
        }

        /// In calls, their ids and names, and why it ended: what tools are given and what goes back is masked.
        @Test func aModelThatCallsWithTheKey() async throws {
            let key = Self.key
            try await run { connection, number in
                guard number == 1 else {
                    return Self.respond(connection, [Self.text("Done."), Self.delta("", reason: #""stop""#)])
                }
                let arguments = #"{"command":\#(Self.json("printf '%s' '\(key)'"))}"#
                let escaped = #"{"command":"echo \#(Self.unicode)"}"#
                let calls = [("a", "terminal", arguments), ("b\(key)", "terminal", escaped), ("c", key, "{}")]
                    .enumerated().map {
                        #"{"index":\#($0),"id":\#(Self.json($1.0)),"function":{"name":\#(Self.json($1.1)),"arguments":\#(Self.json($1.2))}}"#
                    }
                Self.respond(
                    connection,
                    [
                        Self.delta(#""tool_calls":[\#(calls.joined(separator: ","))]"#),
                        Self.delta("", reason: Self.json("tool \(key)")),
                    ])
            } _: { service in
                let run = try await service.launch()
                #expect(try await service.wait(run, .finished, .failed).status == .finished)
                let events = try await service.events(run)
                let answer = try #require(events.first { $0.kindName == "modelAnswered" }).modelAnswered
                #expect(answer.finishReason == "tool ****")
                #expect(
                    answer.calls.map(\.arguments) == [
                        #"{"command":"printf '%s' '****'"}"#, #"{"command":"echo ****"}"#, "{}",
                    ])
                #expect(answer.calls.map(\.tool) == ["terminal", "terminal", "****"])
                #expect(answer.calls.map(\.modelID) == ["a", "b****", "c"])
                #expect(
                    events.first { $0.kindName == "callEnded" && $0.callEnded.number == 1 }?.callEnded.output == "****")
                #expect(!Self.shows(try await service.export(run)))
            }
        }

        /// Errors give back what was sent, in whatever form: as it is, in JSON, in a URL, longer than what is kept.
        @Test func aServerWhoseErrorsHaveTheKey() async throws {
            let key = Self.key
            let messages = [
                "Incorrect API key: \(key)", "Incorrect API key: \(Self.percent)", "Incorrect API key: \(Self.unicode)",
                "in a URL: /v1?key=\(Self.percent.uppercased())&x=1", String(repeating: "x", count: 280) + key,
                "cut " + key.dropLast(5), #"{\"key\": \#(Self.json(key))}"#,
            ]
            try await run { connection, number in
                let body = #"{"error":{"message":\#(Self.json(messages[number - 1]))}}"#
                connection.send(
                    "HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                )
            } _: { service in
                for message in messages {
                    let run = try await service.launch()
                    let failure = try await service.wait(run, .failed).failure
                    #expect(
                        failure.message.contains("****") && !Self.shows(failure.message),
                        "\(message): \(failure.message)")
                }
            }
        }

        /// What was held back when the answer is cut is no more than a beginning: it is journaled, unless it is most of it.
        @Test func anAnswerThatIsCutInTheKey() async throws {
            let key = Self.key
            let ends = [String(key.prefix(3)), String(key.prefix(20))]
            try await run { connection, number in
                let text = "data: \(Self.text("said \(ends[(number - 1) % 2])"[...]))\n\n"
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100000\r\n\r\n\(text)")
                _ = connection.waitForClose()
            } _: { service in
                let pieces = try await service.client.text()
                for expected in ["said " + ends[0], "said ****"] {
                    let run = try await service.launch()
                    for await piece in pieces where piece.run == run {
                        #expect(piece.text == "said ")
                        break
                    }
                    try await service.interrupt(run)
                    let events = try await service.events(run)
                    #expect(events.first { $0.kindName == "modelCut" }?.modelCut.text == expected)
                    try await service.stop(run)
                }
            }
        }

        /// A worker has the key from somewhere: what it sends is masked like everything from outside.
        @Test func aWorkerThatSendsTheKey() async throws {
            let key = Self.key
            try await run { connection, number in
                guard number % 2 == 1 else {
                    return Self.respond(connection, [Self.text("Done."), Self.delta("", reason: #""stop""#)])
                }
                let call =
                    #""tool_calls":[{"index":0,"id":"c","function":{"name":"search","arguments":"{\"q\":\"x\"}"}}]"#
                Self.respond(connection, [Self.delta(call), Self.delta("", reason: #""tool_calls""#)])
            } _: { service in
                let worker = Worker(client: service.client)
                try await worker.register(
                    Worker.spec {
                        $0.description_p = "Knows \(key)."
                        $0.parameters = #"{"type":"object","description":\#(Self.json(key))}"#
                    })
                let tools = try await service.client.send(FermataListTools()).tools
                let spec = try #require(tools.last).spec
                #expect(
                    spec.description_p == "Knows ****." && spec.parameters == #"{"type":"object","description":"****"}"#
                )
                let pieces = try await service.client.text()

                func begin() async throws -> (run: String, offer: FermataCallOffer) {
                    let run = try await Worker.launch(service)
                    let offer = try await worker.begin()
                    return (run, offer)
                }
                func end(_ run: String) async throws -> FermataCallEnded? {
                    try await service.wait(run, .finished)
                    return try await service.events(run).first { $0.kindName == "callEnded" }?.callEnded
                }
                let (first, offer) = try await begin()
                for character in "out \(key) put" { try await worker.extend(offer, output: String(character)) }
                var shown = ""
                for await piece in pieces where piece.run == first && piece.call == 1 {
                    shown += piece.text
                    if shown.utf8.count >= 12 { break }
                }
                #expect(shown == "out **** put")
                try await worker.complete(offer, .result("result \(Self.percent)"))
                #expect(try await end(first)?.output == "result ****")

                let (second, another) = try await begin()
                try await worker.complete(another, .error("error \(key)"))
                #expect(try await end(second)?.output == "error ****")

                let (third, pausing) = try await begin()
                try await worker.complete(
                    pausing,
                    .pause(
                        .with {
                            ($0.question, $0.context) = ("Is \(key) right?", "It is \(Self.unicode).")
                            $0.format.form = .choice
                            $0.format.choices = [key, "no"]
                            ($0.defaultAnswer, $0.atDeadline, $0.deadlineMs) = (key, .default, 3_600_000)
                        }))
                let ask = try #require(
                    try await service.client.send(FermataListAsks.with { $0.run = third }).asks.first)
                #expect(ask.question == "Is **** right?" && ask.context == "It is ****.")
                #expect(ask.format.choices == ["****", "no"] && ask.defaultAnswer == "****")
                try await service.answer(third, ask.number, "****")
                #expect(try await end(third)?.output == "****")

                // Interrupted while it is held back.
                let (fourth, late) = try await begin()
                try await worker.extend(late, output: "so far \(key.prefix(12))")
                try await service.interrupt(fourth)
                let events = try await service.events(fourth)
                #expect(
                    events.first { $0.kindName == "callEnded" }?.callEnded.output.hasPrefix("so far ****\n") == true)
                for run in [first, second, third, fourth] { #expect(!Self.shows(try await service.export(run))) }
            }
        }

        /// What an operator says is the operator's: it is kept as it is.
        @Test func whatOperatorsSayIsKept() async throws {
            let script = #"[{"match": "user: key1234567890", "text": "Done."}]"#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch("key1234567890 test-key-1")
                try await service.wait(run, .finished)
                #expect(try model.log.shown(1) == ["user: key1234567890 test-key-1"])
                try await service.refused(.invalidArgument) {
                    _ = try await service.client.send(
                        FermataResume.with {
                            ($0.run, $0.text, $0.model) = (run, "go", "openai/m")
                            $0.baseURL = "http://user:password@127.0.0.1:1/v1"
                        })
                }
            }
        }
    }
}
