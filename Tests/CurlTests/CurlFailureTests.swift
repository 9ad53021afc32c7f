import Curl
import Glibc
import RawServer
import Testing

/// Hostile servers and requests: one typed failure each, and exactly one end.
@Suite(.timeLimit(.minutes(2)))
struct CurlFailureTests {
    private func failure(of answer: String, maximumBodyBytes: Int = 1 << 20) async throws -> CurlError? {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(answer)
        }
        defer { server.stop() }
        let exchange = Exchange(
            try CurlSession(), CurlRequest(url: server.url, maximumBodyBytes: maximumBodyBytes))
        let failure = await exchange.failure
        #expect(exchange.ends == 1)
        return failure
    }

    @Test(arguments: ["garbage\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "\0\0\0\0\0\0\0\0\0\0\r\n", "HTTP/1.1 abc\r\n\r\n"])
    func garbageInPlaceOfAStatusLine(answer: String) async throws {
        #expect(try await failure(of: answer)?.kind == .notHTTP)
    }

    @Test func closeBeforeTheHead() async throws {
        let error = try #require(try await failure(of: ""))
        #expect(error.kind == .transport)
        #expect(error.code == 52)
        #expect(error.message == "Empty reply from server")
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    ])
    func brokenBody(answer: String) async throws {
        let error = try #require(try await failure(of: answer))
        #expect(error.kind == .transport)
        #expect(error.code != 0)
        #expect(!error.message.isEmpty)
    }

    @Test func manyHeaderLines() async throws {
        let line = "X-Filler: " + String(repeating: "f", count: 1000) + "\r\n"
        let error = try await failure(of: "HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 500))
        #expect(error?.kind == .tooLarge)
    }

    @Test func oneEndlessHeaderLine() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nX: ")
            let filler = [UInt8](repeating: UInt8(ascii: "f"), count: 64 << 10)
            while connection.send(filler) {}
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url))
        #expect(await exchange.failure != nil)
    }

    @Test func endlessBody() async throws {
        let closed = Latch<Void>()
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            let filler = [UInt8](repeating: 1, count: 64 << 10)
            while connection.send(filler) {}
            closed.open()
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url, maximumBodyBytes: 300_000))
        #expect(await exchange.failure?.kind == .tooLarge)
        #expect(exchange.bytes.count <= 300_000)
        await closed.value
    }

    @Test func aBodyOfExactlyTheBudgetIsAccepted() async throws {
        #expect(try await failure(of: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", maximumBodyBytes: 5) == nil)
        let error = try await failure(of: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!", maximumBodyBytes: 5)
        #expect(error?.kind == .tooLarge)
    }

    @Test func resetInTheBody() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            connection.reset()
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url))
        #expect(await exchange.failure?.kind == .transport)
    }

    @Test func nobodyListens() async throws {
        let server = RawServer { _, _ in }
        defer { server.stop() }
        let url = server.url
        server.stop()
        let failure = await Exchange(try CurlSession(), CurlRequest(url: url)).failure
        #expect(failure?.kind == .connect)
        #expect(failure?.code == 7)
        #expect(failure?.message.contains("127.0.0.1") == true)
    }

    @Test(arguments: [
        "", "ftp://127.0.0.1/", "file:///etc/hostname", "http://", "http://127.0.0.1:99999/", "http://127.0.0.1\r\n/",
    ])
    func badURL(url: String) async throws {
        let exchange = Exchange(try CurlSession(), CurlRequest(url: url, proxy: ""))
        let failure = await exchange.failure
        #expect(failure?.kind == .invalidRequest, "\(url): \(String(describing: failure))")
    }

    @Test func aHeaderCannotSmuggleAnother() async throws {
        let server = RawServer { _, _ in }
        defer { server.stop() }
        for header in [
            ("X", "a\r\nInjected: secret-value"), ("X: a\r\nInjected", "secret-value"), ("X", "secret-value\0"),
        ] {
            let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url, headers: [header]))
            let failure = try #require(await exchange.failure)
            #expect(failure.kind == .invalidRequest)
            #expect(!"\(failure)".contains("secret-value"))
        }
        #expect(server.connectionCount == 0)
    }

    @Test func descriptionsHaveNoHeaderValues() {
        let request = CurlRequest(
            url: "http://h/", headers: [("Authorization", "Bearer secret-value")], body: [[1, 2]])
        var dumped = ""
        dump(request, to: &dumped)
        for text in ["\(request)", String(reflecting: request), dumped, "\([request])", "\(Optional(request) as Any)"] {
            #expect(!text.contains("secret-value"))
            #expect(text.contains("Authorization"))
        }
    }

    // MARK: Time-outs

    private func kind(_ timeouts: CurlTimeouts, _ script: @escaping @Sendable (RawConnection) -> Void) async throws
        -> CurlError.Kind?
    {
        let closed = Latch<UInt64>()
        let server = RawServer { connection, _ in
            script(connection)
            closed.open(connection.waitForClose())
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url, timeouts: timeouts))
        let kind = await exchange.failure?.kind
        _ = await closed.value
        return kind
    }

    @Test func connectTimeout() async throws {
        // A listener with a full queue answers no further connect.
        let server = RawServer(backlog: 0, accepting: false) { _, _ in }
        defer { server.stop() }
        var full: [Int32] = []
        for _ in 0..<3 {
            let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = server.port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            full.append(socket)
        }
        defer { for socket in full { Glibc.close(socket) } }
        let timeouts = CurlTimeouts(connect: .milliseconds(60))
        let begin = monotonicNanoseconds()
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url, timeouts: timeouts))
        #expect(await exchange.failure?.kind == .connectTimeout)
        #expect(monotonicNanoseconds() - begin >= 55_000_000)
    }

    @Test func firstByteTimeout() async throws {
        let timeouts = CurlTimeouts(firstByte: .milliseconds(50), silence: .seconds(60))
        #expect(try await kind(timeouts) { _ = $0.readRequest() } == .firstByteTimeout)
    }

    @Test func halfAStatusLineIsNoResponse() async throws {
        let timeouts = CurlTimeouts(firstByte: .milliseconds(50), silence: .seconds(60))
        let kind = try await kind(timeouts) {
            _ = $0.readRequest()
            $0.send("HTTP/1.1 2")
        }
        #expect(kind == .firstByteTimeout)
    }

    @Test func silenceTimeout() async throws {
        let timeouts = CurlTimeouts(firstByte: .seconds(60), silence: .milliseconds(50))
        for answer in ["HTTP/1.1 200 OK\r\n", okHead, okHead + chunk("x")] {
            let kind = try await kind(timeouts) {
                _ = $0.readRequest()
                $0.send(answer)
            }
            #expect(kind == .silenceTimeout)
        }
    }

    @Test func totalTimeout() async throws {
        let timeouts = CurlTimeouts(silence: .seconds(60), total: .milliseconds(80))
        let kind = try await kind(timeouts) { connection in
            _ = connection.readRequest()
            connection.send(okHead)
            while connection.send(chunk("dribble")) { usleep(5000) }
        }
        #expect(kind == .totalTimeout)
    }

    /// Bytes that keep coming keep the transfer alive beyond the limit of silence.
    @Test func noSilenceWhileBytesCome() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead)
            for _ in 0..<30 {
                connection.send(chunk("x"))
                usleep(20_000)
            }
            connection.send(lastChunk)
        }
        defer { server.stop() }
        let timeouts = CurlTimeouts(silence: .milliseconds(400))
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url, timeouts: timeouts))
        #expect(await exchange.completion?.bodyBytes == 30)
    }
}
