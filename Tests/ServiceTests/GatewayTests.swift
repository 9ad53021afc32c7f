import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// The gateway as its callers see it: HTTP and JSON.
    @Suite(.timeLimit(.minutes(3))) struct GatewayTests {
        /// Every command of the schema is there, and does what it does on the control socket.
        @Test func everyCommandIsThere() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                try await RunningGateway.run(service) { gateway in
                    let token = try await service.token(.admin)
                    let commands = FermataFrameType.allCases.filter { (1...255).contains($0.rawValue) && $0 != .auth }
                    for command in commands {
                        let name = command.protocolName.split(separator: "_").map(\.capitalized).joined()
                        let id = #"{"requestId": "\#(UUID().uuidString)"}"#
                        // Those that are no commands have no such field, and say so.
                        let bodies = [id, "{}"]
                        var codes: [String?] = []
                        for body in bodies {
                            let response = try await gateway.post(name, body, token: token)
                            #expect(response.fields["content-type"] == "application/json", "\(name)")
                            #expect(response.status != 404 || response.code != "UNKNOWN_TYPE", "\(name) \(response)")
                            codes.append(response.code)
                        }
                        let isCommand = codes[0] != "UNSUPPORTED"
                        if isCommand, command != .export { #expect(codes[1] == "INVALID_ARGUMENT", "\(name)") }
                    }
                    #expect(try await gateway.post("Hallo", token: token).status == 404)
                    #expect(try await gateway.post("Auth", token: token).status == 404)
                    #expect(try await gateway.post("", token: token).status == 404)
                }
            }
        }

        @Test func aRunFromEndToEnd() async throws {
            let script = #"""
                [{"tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]}, {"text": "Döne."}]
                """#
            try await Service.run(script: script) { service, _ in
                try await RunningGateway.run(service) { gateway in
                    let token = try await service.token(.operate)
                    let id = UUID().uuidString.lowercased()
                    let launch = #"{"requestId": "\#(id)", "task": "gö"}"#
                    let launched = try await gateway.post("Launch", launch, token: token)
                    let reply = try FermataCommandReply(jsonString: launched.body)
                    #expect(launched.status == 200 && reply.changed)
                    // The same id is the same command, by its field and by the header.
                    let again = try await gateway.post(
                        "Launch", #"{"task": "gö"}"#, token: token, fields: ["Idempotency-Key": id])
                    #expect(again.body == launched.body)
                    let run = reply.run.id
                    let waiting = try await gateway.post(
                        "GetRun", #"{"run": "\#(run)", "until": ["WAITING"], "waitMs": 20000}"#, token: token)
                    #expect(try FermataGetRunReply(jsonString: waiting.body).matched)
                    // A key that is no UUID stands for one.
                    let answer = #"{"run": "\#(run)", "ask": 1, "text": "That."}"#
                    var replies: Set<String> = []
                    for _ in 0..<3 {
                        let response = try await gateway.post(
                            "Answer", answer, token: token, fields: ["Idempotency-Key": "answer of ada"])
                        #expect(response.status == 200)
                        replies.insert(response.body)
                    }
                    #expect(replies.count == 1)
                    let done = try await gateway.post(
                        "GetRun", #"{"run": "\#(run)", "until": ["FINISHED"], "waitMs": 20000}"#, token: token)
                    #expect(try FermataGetRunReply(jsonString: done.body).run.lastMessage == "Döne.")
                    let events = try await service.events(run)
                    #expect(events.filter { $0.kindName == "askAnswered" }.map(\.by) == ["token:tester"])
                    let read = try await gateway.post("ReadEvents", #"{"run": "\#(run)"}"#, token: token)
                    #expect(try FermataReadEventsReply(jsonString: read.body).events == events)
                    // What the server refuses has its code, and a status that fits.
                    for (command, body, status, code) in [
                        ("Pause", #"{"run": "\#(run)"}"#, 409, "WRONG_STATUS"),
                        ("GetRun", #"{"run": "\#(RunID(microseconds: 1, random: 1))"}"#, 404, "NO_SUCH_RUN"),
                        ("GetRun", #"{"run": "x"}"#, 400, "INVALID_ARGUMENT"),
                        ("Launch", #"{"task": "other"}"#, 400, "CONFLICT"),
                        ("PutAgent", "{}", 403, "FORBIDDEN"),
                    ] {
                        let response = try await gateway.post(
                            command, body, token: token,
                            fields: ["Idempotency-Key": code == "CONFLICT" ? id : UUID().uuidString])
                        #expect(response.status == status && response.code == code, "\(response)")
                    }
                }
            }
        }

        @Test func whoMayDoWhat() async throws {
            try await Service.run { service in
                let (read, operate) = (try await service.token(.read), try await service.token(.operate))
                let revoked = try await service.client.send(
                    FermataCreateToken.with {
                        $0.name = "old"
                        $0.scope = .admin
                    })
                _ = try await service.client.send(FermataRevokeToken.with { $0.id = revoked.token.id })
                let names = ["--host", "ops.example.org", "--origin", "https://page.example.org"]
                try await RunningGateway.run(service, names) { gateway in
                    let stop = #"{"requestId": "\#(UUID().uuidString)", "run": "x"}"#
                    for (token, command, body, status) in [
                        (nil, "Stats", "{}", 401), ("", "Stats", "{}", 401), ("fac_x", "Stats", "{}", 401),
                        (revoked.secret, "Stats", "{}", 401), (read, "Stats", "{}", 200), (read, "Stop", stop, 403),
                        (operate, "Stop", stop, 400), (operate, "ListTokens", "{}", 403),
                        (read, "ListAsks", #"{"tokens": true}"#, 403), (operate, "ListAsks", #"{"tokens": true}"#, 200),
                    ] as [(String?, String, String, Int)] {
                        let response = try await gateway.post(command, body, token: token)
                        #expect(response.status == status, "\(command) \(response)")
                        if status == 401 { #expect(response.fields["www-authenticate"] == "Bearer") }
                    }
                    let basic = try await gateway.post("Stats", token: nil, fields: ["Authorization": "Basic \(read)"])
                    #expect(basic.status == 401)
                    #expect(try await gateway.request("GET", "/v1/events").status == 401)
                    #expect(try await gateway.request("GET", "/metrics").status == 401)
                    #expect(try await gateway.request("GET", "/health").body == #"{"status":"ok"}"#)
                    let metrics = try await gateway.request("GET", "/metrics", token: read)
                    #expect(metrics.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
                    #expect(metrics.body.contains("\n# TYPE fermata_requests_total counter\nfermata_requests_total "))

                    for (name, value, status) in [
                        ("Host", "127.0.0.1:\(gateway.port)", 200), ("Host", "LOCALHOST:\(gateway.port)", 200),
                        ("Host", "ops.example.org", 200), ("Host", "ops.example.org:443", 200),
                        ("Host", "evil.example.org", 403), ("Host", "evil.example.org:\(gateway.port)", 403),
                        ("Host", "127.0.0.1", 403), ("Host", "127.0.0.1:1", 403),
                        ("Host", "ops.example.org.evil.example.org", 403), ("Host", "ops.example.org:x", 403),
                        ("Origin", "http://127.0.0.1:\(gateway.port)", 200), ("Origin", "https://ops.example.org", 200),
                        ("Origin", "https://page.example.org", 200), ("Origin", "http://page.example.org", 403),
                        ("Origin", "https://evil.example.org", 403), ("Origin", "null", 403),
                    ] {
                        let response = try await gateway.post("Stats", token: read, fields: [name: value])
                        #expect(response.status == status, "\(name): \(value): \(response)")
                        if status == 403 { #expect(response.code == "WRONG_HOST") }
                        let allowed = response.fields["access-control-allow-origin"]
                        #expect(allowed == (value == "https://page.example.org" ? value : nil))
                    }
                    let asks = try await gateway.request(
                        "OPTIONS", "/v1/Stats", fields: ["Origin": "https://page.example.org"])
                    let headers = asks.fields["access-control-allow-headers"] ?? ""
                    #expect(asks.status == 204 && headers.contains("Authorization"))
                }
                // Without tokens on loopback, and nowhere else.
                try await RunningGateway.run(service, ["--no-auth"]) { gateway in
                    let everything = try await gateway.post("ListTokens", token: nil)
                    #expect(everything.status == 200)
                    #expect(try await gateway.post("ListTokens", token: read).status == 403)
                    let evil = ["Host": "evil.example.org"]
                    #expect(try await gateway.post("Stats", token: nil, fields: evil).status == 403)
                    let end = await gateway.terminate()
                    #expect(end.code == 0 && end.errors.split(separator: "\n").count == 1, "\(end)")
                }
                let open = try await service.cli("gateway", "--no-auth", "--listen", "0.0.0.0:0")
                #expect(open.code == 1 && open.errors.contains("loopback"))
                #expect(try await service.cli("gateway", "--listen", "here").code == 1)
            }
        }

        @Test func aServerThatIsNotThereIsSaid() async throws {
            try await Service.run { service in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    #expect(try await gateway.post("Stats", token: token).status == 200)
                    service.kill()
                    for path in ["/health", "/metrics"] {
                        let response = try await gateway.request("GET", path, token: token)
                        #expect([502, 503, 504].contains(response.status), "\(response)")
                        #expect(response.code == "UNREACHABLE", "\(response)")
                    }
                    try await service.start()
                    #expect(try await gateway.request("GET", "/health").status == 200)
                }
            }
        }

        @Test func asksAreAnsweredByTheirURLs() async throws {
            let script = #"""
                [
                  {"tool_calls": [{"name": "ask_human", "arguments": {"question": "Which?"}}]},
                  {"tool_calls": [{"name": "terminal", "arguments": {"command": "echo chosen"}}]},
                  {"text": "Done."}
                ]
                """#
            try await Service.run(script: script) { service, _ in
                try await RunningGateway.run(service) { gateway in
                    let run = try await service.launch {
                        $0.policy.tools = [
                            .with {
                                $0.tool = "terminal"
                                $0.gate = .ask
                            }
                        ]
                    }
                    func token() async throws -> String {
                        try await service.wait(run, .waiting)
                        let list = try await service.client.send(FermataListAsks.with { $0.tokens = true })
                        return try #require(list.asks.first).token
                    }
                    func answer(
                        _ token: String, _ type: String, _ body: String
                    ) async throws -> HTTPConnection.Response {
                        try await gateway.request("POST", "/answers/\(token)", body, fields: ["Content-Type": type])
                    }
                    let question = try await token()
                    #expect(try await answer(question, "text/html", "That.").status == 415)
                    #expect(try await answer(question, "text/plain", "That.").status == 200)
                    let approval = try await token()
                    let late = try await answer(question, "text/plain", "This.")
                    #expect(late.status == 409 && late.code == "TOKEN_USED")
                    for (body, code) in [
                        (#"{"verdict": "EDIT", "bogus": 1}"#, "UNSUPPORTED"), ("{", "BAD_MESSAGE"),
                        (#"{"verdict": "GUIDE"}"#, "INVALID_ANSWER"), (#"{"verdict": "NO"}"#, "INVALID_ANSWER"),
                    ] {
                        let response = try await answer(approval, "application/json", body)
                        #expect(response.status == 400 && response.code == code, "\(body) \(response)")
                    }
                    // With their digits: what a person has written is what runs.
                    let edit =
                        #"{"verdict": "EDIT", "arguments": {"timeout_seconds": 12.50, "command": "echo edited"}}"#
                    let edited = try await answer(approval, "application/json", edit)
                    #expect(edited.status == 200, "\(edited)")
                    try await service.wait(run, .finished)
                    let events = try await service.events(run)
                    let answered = events.filter { $0.kindName == "askAnswered" }
                    #expect(answered.map(\.askAnswered.via) == [.viaToken, .viaToken])
                    #expect(answered.map(\.by) == ["network", "network"])
                    #expect(
                        answered.last?.askAnswered.arguments == #"{"timeout_seconds":12.50,"command":"echo edited"}"#)
                    let ended = events.last { $0.kindName == "callEnded" }
                    #expect(ended?.callEnded.output.contains("edited") == true)
                }
            }
        }

        /// The tokens of holds and of asks need no other.
        @Test func whoHasTheURLNeedsNothingElse() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                try await RunningGateway.run(service) { gateway in
                    let run = try await service.launch("") { $0.task = "" }
                    let token = try await service.client.send(
                        FermataPause.with {
                            $0.run = run
                            $0.resumeToken = true
                        }
                    ).resumeToken
                    #expect(try await gateway.request("GET", "/resume/\(token)").status == 405)
                    #expect(try await gateway.request("POST", "/resume/\(token)", "and more").status == 400)
                    #expect(try await service.summary(run).status == .paused)
                    let lifted = try await gateway.request("POST", "/resume/\(token)")
                    #expect(lifted.status == 200)
                    // Of the run it tells no more than its status.
                    let told = try FermataCommandReply(jsonString: lifted.body)
                    #expect(
                        told
                            == .with {
                                $0.changed = true
                                $0.run.id = run
                                $0.run.status = .idle
                            })
                    let again = try await gateway.request("POST", "/resume/\(token)")
                    #expect(again.status == 409 && again.code == "TOKEN_USED")
                    for path in ["/resume/frt_x", "/answers/x", "/answers/\(token)"] {
                        let body = path.hasPrefix("/answers") ? "yes" : ""
                        let response = try await gateway.request(
                            "POST", path, body, fields: ["Content-Type": "text/plain"])
                        #expect(response.status == 404 && response.code == "INVALID_TOKEN", "\(path) \(response)")
                    }
                    for path in ["/answers/", "/resume/", "/answers/a/b", "/", "/v1", "/index.html", "/v1/../health"] {
                        let response = try await gateway.request("POST", path, "yes")
                        #expect(response.status == 404 && response.code == "UNKNOWN_TYPE", "\(path) \(response)")
                    }
                }
            }
        }
    }
}
