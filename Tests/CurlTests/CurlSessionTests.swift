import Curl
import RawServer
import Testing

@Suite(.timeLimit(.minutes(2)))
struct CurlSessionTests {
    @Test func deliversStatusHeadersAndBody() async throws {
        let seen = Latch<RawRequest>()
        let server = RawServer { connection, _ in
            seen.open(connection.readRequest()!)
            connection.send("HTTP/1.1 404 Not here\r\nRetry-After:  7 \r\nX-Two: a\r\nX-Two: b\r\n")
            connection.send("Content-Length: 5\r\n\r\nhello")
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchange = Exchange(session, CurlRequest(url: server.url + "/p?q=1", headers: [("X-Mine", "yes")]))
        let completion = try #require(await exchange.completion)
        #expect(completion.response.status == 404)
        #expect(completion.response.header("retry-after") == "7")
        #expect(completion.response.headers.filter { $0.name == "X-Two" }.map(\.value) == ["a", "b"])
        #expect(exchange.text == "hello")
        #expect(completion.bodyBytes == 5)
        let request = await seen.value
        #expect(request.head.hasPrefix("GET /p?q=1 HTTP/1.1\r\n"))
        #expect(request.header("X-Mine") == "yes")
        session.close()
    }

    @Test(arguments: [0: 1, 1: 3, 200_000: 2, 1000: 4000])
    func sendsABodyOfPieces(size: Int, count: Int) async throws {
        // An empty piece among them, and each of its own byte.
        let pieces = (0..<count).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 == 1 ? 0 : size) }
        let seen = Latch<RawRequest>()
        let server = RawServer { connection, _ in
            seen.open(connection.readRequest()!)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchange = Exchange(
            session, CurlRequest(url: server.url, method: "POST", body: pieces.map { BodyPiece($0) }))
        #expect(await exchange.completion != nil)
        let request = await seen.value
        #expect(request.body == pieces.flatMap { $0 })
        #expect(request.header("Content-Length") == "\(request.body.count)")
        #expect(request.header("Expect") == nil)
    }

    @Test func streamsPiecesAsTheyArrive() async throws {
        let arrived = Latch<Void>()
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("one"))
            // The second piece is sent only after the first has been delivered.
            arrived.waitBlocking()
            connection.send(chunk("two") + lastChunk)
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchange = Exchange(session, CurlRequest(url: server.url), onData: { _ in arrived.open() })
        #expect(await exchange.completion?.bodyBytes == 6)
        #expect(exchange.text == "onetwo")
        #expect(exchange.pieces == 2)
    }

    @Test func everyTransferInFlightHasAConnectionOfItsOwn() async throws {
        let gate = Latch<Void>()
        let server = RawServer { connection, number in
            _ = connection.readRequest()
            connection.send(okHead + chunk("\(number)"))
            gate.waitBlocking()
            connection.send(lastChunk)
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchanges = (0..<200).map { _ in Exchange(session, CurlRequest(url: server.url)) }
        for exchange in exchanges { await exchange.firstData.value }
        #expect(server.connectionCount == 200)
        gate.open()
        for exchange in exchanges { #expect(await exchange.completion?.connectionWasReused == false) }
        #expect(Set(exchanges.map(\.text)).count == 200)
    }

    @Test func usesAnIdleConnectionAgain() async throws {
        let server = RawServer { connection, _ in
            while connection.readRequest() != nil { connection.send(okHead + lastChunk) }
        }
        defer { server.stop() }
        let session = try CurlSession()
        #expect(await Exchange(session, CurlRequest(url: server.url)).completion?.connectionWasReused == false)
        #expect(await Exchange(session, CurlRequest(url: server.url)).completion?.connectionWasReused == true)
        #expect(server.connectionCount == 1)
    }

    @Test func doesNotFollowRedirects() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n")
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url))
        #expect(await exchange.completion?.response.status == 302)
    }

    @Test func passesOverInterimResponsesAndTrailers() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 103 Early\r\nX: early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: final\r\n\r\n")
            connection.send("1\r\na\r\n0\r\nX: trailer\r\n\r\n")
        }
        defer { server.stop() }
        let exchange = Exchange(try CurlSession(), CurlRequest(url: server.url))
        let completion = try #require(await exchange.completion)
        #expect(completion.response.headers.filter { $0.name == "X" }.map(\.value) == ["final"])
        #expect(exchange.text == "a")
    }

    @Test func closeEndsEverything() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            _ = connection.waitForClose()
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchanges = (0..<20).map { _ in Exchange(session, CurlRequest(url: server.url)) }
        for exchange in exchanges { await exchange.firstData.value }
        session.close()
        // Returned only after every end.
        for exchange in exchanges { #expect(exchange.ends == 1) }
        for exchange in exchanges { #expect(await exchange.failure?.kind == .closed) }
        session.close()
        let late = Exchange(session, CurlRequest(url: server.url))
        #expect(await late.failure?.kind == .closed)
        late.cancel()
        #expect(late.ends == 1)
    }

    @Test func closeInACallbackDoesNotWaitForItself() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            _ = connection.waitForClose()
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchange = Exchange(session, CurlRequest(url: server.url), onData: { _ in session.close() })
        #expect(await exchange.failure?.kind == .closed)
        session.close()
    }

    @Test func droppingTheSessionClosesIt() async throws {
        let closed = Latch<UInt64>()
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            closed.open(connection.waitForClose())
        }
        defer { server.stop() }
        var session: CurlSession? = try CurlSession()
        let arrived = Latch<Void>()
        let kind = Latch<CurlError.Kind?>()
        session?.start(CurlRequest(url: server.url), onData: { _, _ in arrived.open() }) { result in
            if case .failure(let error) = result { kind.open(error.kind) } else { kind.open(nil) }
        }
        await arrived.value
        session = nil
        #expect(await kind.value == .closed)
        _ = await closed.value
    }

    @Test func startsOneTransferInTheEndOfAnother() async throws {
        let server = RawServer { connection, _ in
            while connection.readRequest() != nil { connection.send(okHead + lastChunk) }
        }
        defer { server.stop() }
        let session = try CurlSession()
        let last = Latch<Bool>()
        let url = server.url
        session.start(CurlRequest(url: url)) { _ in
            session.start(CurlRequest(url: url)) { last.open((try? $0.get()) != nil) }
        }
        #expect(await last.value)
    }

    /// What callbacks hold is released after the end, so that nothing lives as long as the session by accident.
    @Test func releasesTheCallbacksAfterTheEnd() async throws {
        final class Token: Sendable {
            let gone: Latch<Void>
            init(_ gone: Latch<Void>) { self.gone = gone }
            deinit { gone.open() }
        }
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            _ = connection.waitForClose()
        }
        defer { server.stop() }
        let session = try CurlSession()
        let gone = Latch<Void>()
        let arrived = Latch<Void>()
        func start() -> CurlTransfer {
            let token = Token(gone)
            return session.start(
                CurlRequest(url: server.url), onResponse: { _, _ in _ = token },
                onData: { _, _ in
                    _ = token
                    arrived.open()
                }, onEnd: { _ in _ = token })
        }
        let transfer = start()
        await arrived.value
        #expect(!gone.isOpen)
        transfer.cancel()
        await gone.value
        session.close()
    }
}
