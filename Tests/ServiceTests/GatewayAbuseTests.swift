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
                    let head = "POST /v1/Launch HTTP/1.1\r\nHost: 127.0.0.1:\(gateway.port)\r\n"
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
    }
}
