import FermataProtocol
import Foundation
import Testing

extension OneServerAtATime {
    /// What nobody should send: each is an error in JSON, and the gateway goes on.
    @Suite(.timeLimit(.minutes(3))) struct GatewayAbuseTests {
        @Test func hostileBodies() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let token = try await service.token(.operate)
                try await RunningGateway.run(service) { gateway in
                    let deep = String(repeating: #"{"policy":"#, count: 50_000)
                    let lists = #"{"labels":"# + String(repeating: "[", count: 100_000)
                    for (body, status, code) in [
                        ("", 400, "INVALID_ARGUMENT"), ("null", 400, "BAD_MESSAGE"), ("[]", 400, "BAD_MESSAGE"),
                        ("{", 400, "BAD_MESSAGE"), ("{}{}", 400, "BAD_MESSAGE"), ("\u{0}", 400, "BAD_MESSAGE"),
                        (#"{"task": 7}"#, 400, "BAD_MESSAGE"), (#"{"task": {}}"#, 400, "BAD_MESSAGE"),
                        (#"{"modelAttempts": -1}"#, 400, "BAD_MESSAGE"),
                        (#"{"modelAttempts": 99999999999}"#, 400, "BAD_MESSAGE"), (deep, 400, "UNSUPPORTED"),
                        (lists, 400, "BAD_MESSAGE"), (#"{"bogus": 1}"#, 400, "UNSUPPORTED"),
                        (#"{"limits": {"bogus": 1}}"#, 400, "UNSUPPORTED"),
                        (#"{"holdAt": "NEVER"}"#, 400, "UNSUPPORTED"),
                        (#"{"requestId": "x"}"#, 400, "INVALID_ARGUMENT"),
                    ] {
                        let response = try await gateway.post("Launch", body, token: token)
                        #expect(response.status == status && response.code == code, "\(body.prefix(40)) \(response)")
                    }
                    let named = try await gateway.post("Launch", #"{"bogus": 1}"#, token: token)
                    #expect(named.body.contains(#"{"key":"field","value":"bogus"}"#))
                    for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "{}"] {
                        let response = try await gateway.post("Stats", token: token, fields: ["Content-Type": type])
                        #expect(response.status == 415 && response.code == "UNSUPPORTED", "\(type)")
                    }
                    let utf8 = try await gateway.post(
                        "Stats", token: token, fields: ["Content-Type": "application/json; charset=utf-8"])
                    #expect(utf8.status == 200)
                    for (method, path, allow) in [
                        ("GET", "/v1/Stats", "POST"), ("DELETE", "/health", "GET"), ("PUT", "/answers/x", "POST"),
                        ("OPTIONS", "/v1/Stats", "POST"),
                    ] {
                        let response = try await gateway.request(method, path, token: token)
                        #expect(response.status == 405 && response.fields["allow"] == allow, "\(method) \(response)")
                    }
                }
            }
        }

        @Test func tooMuchOfEverything() async throws {
            try await Service.run { service in
                let token = try await service.token(.operate)
                try await RunningGateway.run(service) { gateway in
                    let head =
                        "POST /v1/Launch HTTP/1.1\r\nHost: 127.0.0.1:\(gateway.port)\r\n"
                        + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
                    // Announced, and not announced.
                    let announced = try #require(HTTPConnection(port: gateway.port))
                    await announced.write(head + "Content-Length: 99999999999\r\n\r\n{")
                    #expect(await announced.response()?.code == "TOO_LARGE")
                    let chunked = try #require(HTTPConnection(port: gateway.port))
                    await chunked.write(head + "Transfer-Encoding: chunked\r\n\r\n")
                    let chunk = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
                    for _ in 0..<5 { await chunked.write(chunk) }
                    #expect(await chunked.response()?.status == 413)
                    // What just fits.
                    let text = String(repeating: "x", count: (4 << 20) - 4096 - 11)
                    let fits = try await gateway.post("Launch", #"{"task":"\#(text)"}"#, token: token)
                    #expect(fits.code == "INVALID_ARGUMENT")

                    for request in [
                        head + "X-Long: \(String(repeating: "x", count: 40 << 10))\r\n\r\n",
                        head + (0..<200).map { "X-\($0): y\r\n" }.joined() + "\r\n",
                        "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
                        "POST /v1/Stats HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                    ] {
                        let connection = try #require(HTTPConnection(port: gateway.port))
                        await connection.write(request)
                        let response = try #require(await connection.response(), "\(request.prefix(40))")
                        #expect(response.status == 400 && response.code == "BAD_MESSAGE", "\(request.prefix(40))")
                        // It is closed besides.
                        #expect(await connection.read().isEmpty)
                    }
                    let nameless = try #require(HTTPConnection(port: gateway.port))
                    await nameless.write("GET /health HTTP/1.1\r\n\r\n")
                    #expect(await nameless.response()?.code == "WRONG_HOST")
                    // One connection, many requests, also at once.
                    let busy = try #require(HTTPConnection(port: gateway.port))
                    let health = "GET /health HTTP/1.1\r\nHost: localhost:\(gateway.port)\r\n\r\n"
                    await busy.write(String(repeating: health, count: 20))
                    let answers = await busy.read { $0.components(separatedBy: #"{"status":"ok"}"#).count == 21 }
                    #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == 21)
                    // Half a request holds up nobody.
                    let half = try #require(HTTPConnection(port: gateway.port))
                    await half.write(head + "Content-Length: 10\r\n\r\n{")
                    #expect(try await gateway.post("Stats", token: token).status == 200)
                }
            }
        }

        /// RFC 9112, 3.2: one Host and no other, and a target that is a URL names this gateway as well.
        @Test func requestsForSomebodyElse() async throws {
            try await Service.run { service in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    let host = "127.0.0.1:\(gateway.port)"
                    func head(_ target: String, _ hosts: [String], _ version: String = "1.1") -> String {
                        "GET \(target) HTTP/\(version)\r\n" + hosts.map { "\($0)\r\n" }.joined() + "\r\n"
                    }
                    for (request, status, code) in [
                        (head("/health", ["Host: \(host)", "Host: evil.example"]), 400, "WRONG_HOST"),
                        (head("/health", ["Host: evil.example", "Host: \(host)"]), 400, "WRONG_HOST"),
                        (head("/health", ["Host: \(host)", "hOST: \(host)"]), 400, "WRONG_HOST"),
                        (head("/health", []), 400, "WRONG_HOST"), (head("/health", [], "1.0"), 400, "WRONG_HOST"),
                        (head("/health", ["Host:"]), 403, "WRONG_HOST"),
                        (head("/health", ["Host: \(host)/x"]), 403, "WRONG_HOST"),
                        (head("/health", ["Host: user@\(host)"]), 403, "WRONG_HOST"),
                        (head("/health", ["Host: evil.example"]), 403, "WRONG_HOST"),
                        (head("http://evil.example/health", ["Host: \(host)"]), 400, "WRONG_HOST"),
                        (head("HTTP://evil.example/health", ["Host: \(host)"]), 400, "WRONG_HOST"),
                        (head("https://evil.example", ["Host: \(host)"]), 400, "WRONG_HOST"),
                        (head("http://\(host)/health", ["Host: evil.example"]), 403, "WRONG_HOST"),
                        (head("http://user@\(host)/health", ["Host: \(host)"]), 400, "BAD_MESSAGE"),
                        (head("http:///health", ["Host: \(host)"]), 400, "BAD_MESSAGE"),
                        (head("ftp://\(host)/health", ["Host: \(host)"]), 400, "BAD_MESSAGE"),
                        (head("health", ["Host: \(host)"]), 400, "BAD_MESSAGE"),
                        ("CONNECT evil.example:80 HTTP/1.1\r\nHost: \(host)\r\n\r\n", 400, "BAD_MESSAGE"),
                    ] {
                        let connection = try #require(HTTPConnection(port: gateway.port))
                        await connection.write(request)
                        let response = try #require(await connection.response(), "\(request)")
                        #expect(response.status == status && response.code == code, "\(request) \(response)")
                        if status == 400 { #expect(await connection.read().isEmpty, "\(request)") }
                    }
                    // A proxy's form of a request that is meant.
                    for target in ["http://\(host)/health", "HTTP://LOCALHOST:\(gateway.port)/health", "/health"] {
                        let connection = try #require(HTTPConnection(port: gateway.port))
                        await connection.write(head(target, ["Host: \(host)"]))
                        #expect(await connection.response()?.status == 200, "\(target)")
                    }
                    // Upgrades are not taken; the request is answered.
                    let upgrade = try #require(HTTPConnection(port: gateway.port))
                    await upgrade.write(
                        head("/health", ["Host: \(host)", "Connection: Upgrade", "Upgrade: websocket"]))
                    #expect(await upgrade.response()?.status == 200)
                    #expect(try await gateway.post("Stats", token: token).status == 200)
                }
            }
        }

        /// What came before is answered; then the connection is over.
        @Test func somethingElseAfterARequest() async throws {
            try await Service.run { service in
                let token = try await service.token(.operate)
                try await RunningGateway.run(service) { gateway in
                    let host = "Host: 127.0.0.1:\(gateway.port)\r\n"
                    let health = "GET /health HTTP/1.1\r\n\(host)\r\n"
                    let stats =
                        "POST /v1/Stats HTTP/1.1\r\n\(host)Authorization: Bearer \(token)\r\n"
                        + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                    let twoHosts = "GET /health HTTP/1.1\r\n\(host)\(host)\r\n"
                    for rest in ["GARBAGE\r\n\r\n", "\u{0}\u{1}\u{2}\u{3}", "GET / HTTP/9.9\r\n\r\n", twoHosts, "{}"] {
                        for (valid, count) in [(health, 1), (stats, 1), (health + stats + health, 3)] {
                            let connection = try #require(HTTPConnection(port: gateway.port))
                            await connection.write(valid + rest)
                            let text = await connection.read { _ in false }
                            let heads = text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
                            #expect(heads == Array(repeating: "200", count: count) + ["400"], "\(rest): \(text)")
                            #expect(text.hasSuffix("}"))
                        }
                    }
                    // One that was said to be the last is.
                    let last = try #require(HTTPConnection(port: gateway.port))
                    await last.write("GET /health HTTP/1.1\r\n\(host)Connection: close\r\n\r\nGARBAGE\r\n\r\n")
                    #expect(await last.response()?.status == 200)
                }
            }
        }

        /// A race: of a crowd those that were taken last had those closed that were taken first, before their requests were
        /// read. Who finds no place is told, and commands beside them are answered.
        @Test(arguments: [(64, 6), (128, 24)])
        func aCrowdThatComesAtOnceIsAnswered(descriptors: Int, streams: Int) async throws {
            try await Service.run { service in
                let token = try await service.token(.read)
                try await RunningGateway.run(service, descriptors: descriptors) { gateway in
                    let port = gateway.port
                    let request =
                        "GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(token)\r\n\r\n"
                    try await withThrowingTaskGroup(of: (HTTPConnection, String).self) { group in
                        for _ in 0..<300 {
                            group.addTask {
                                let reader = try #require(HTTPConnection(port: port))
                                await reader.write(request)
                                return (reader, await reader.read { $0.contains("retry: ") })
                            }
                        }
                        for _ in 0..<5 { #expect(try await gateway.post("Stats", token: token).status == 200) }
                        // Those that have begun go on until all have been answered.
                        var (begun, busy, others): ([HTTPConnection], Int, [String]) = ([], 0, [])
                        for try await (reader, text) in group {
                            if !text.hasPrefix("HTTP/1.1 200") {
                                others.append(text)
                            } else if text.contains("event: busy") {
                                busy += 1
                            } else {
                                begun.append(reader)
                            }
                        }
                        #expect(
                            begun.count == streams && busy == 300 - streams,
                            "\(begun.count) streams, \(busy) are to come back, \(others.count) were cut: \(Set(others))"
                        )
                        #expect(try await gateway.post("Stats", token: token).status == 200)
                    }
                }
            }
        }

        /// Members of the families by which two servers are made to read one stream of bytes in two ways.
        @Test func requestsThatCanBeReadInTwoWays() async throws {
            try await Service.run { service in
                let token = try await service.token(.operate)
                try await RunningGateway.run(service) { gateway in
                    let start =
                        "POST /v1/Stats HTTP/1.1\r\nHost: 127.0.0.1:\(gateway.port)\r\n"
                        + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
                    let long = String(repeating: "x", count: 64 << 10)
                    for request in [
                        start + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
                        start + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                        start + "Content-Length: 2, 2\r\n\r\n{}", start + "Content-Length: +2\r\n\r\n{}",
                        start + "Content-Length: -2\r\n\r\n{}", start + "Content-Length: 0x2\r\n\r\n{}",
                        start + "Content-Length: 99999999999999999999999999\r\n\r\n{}",
                        start + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
                        start + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
                        start + "X-Folded: one\r\n two\r\nContent-Length: 2\r\n\r\n{}",
                        start + "X-Nul: a\u{0}b\r\nContent-Length: 2\r\n\r\n{}",
                        start + "X-Control: a\u{1}b\r\nContent-Length: 2\r\n\r\n{}",
                        start + "X-Return: a\rb\r\nContent-Length: 2\r\n\r\n{}",
                        start + "X Space: a\r\nContent-Length: 2\r\n\r\n{}",
                        start + ": a\r\nContent-Length: 2\r\n\r\n{}",
                        start + "no colon\r\nContent-Length: 2\r\n\r\n{}",
                        "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\u{0} HTTP/1.1\r\nHost: x\r\n\r\n",
                        "GET  /health HTTP/1.1 \r\nHost: x\r\n\r\n", "GET /health\r\n\r\n",
                        "G\u{e9}T / HTTP/1.1\r\n\r\n",
                        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    ] {
                        let connection = try #require(HTTPConnection(port: gateway.port))
                        await connection.write(request)
                        let response = await connection.response()
                        #expect(response?.status == 400, "\(request.prefix(300)) \(String(describing: response))")
                        #expect(["BAD_MESSAGE", "WRONG_HOST"].contains(response?.code ?? ""), "\(request.prefix(300))")
                        #expect(await connection.read().isEmpty, "\(request.prefix(300))")
                    }
                    #expect(try await gateway.post("Stats", token: token).status == 200)
                }
            }
        }
    }
}
