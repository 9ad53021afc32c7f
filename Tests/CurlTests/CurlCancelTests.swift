import Curl
import Glibc
import RawServer
import Testing

/// Cancel closes the socket at once, in whatever phase; the server is the witness.
@Suite(.timeLimit(.minutes(2)), .serialized)
struct CurlCancelTests {
    enum Moment: String, CaseIterable {
        case sendingTheBody, waitingForTheHead, inTheHead, afterTheHead, inTheBody
    }

    /// 50 cancels; the time from the call of `cancel()` until the server's `recv` says that the peer is gone.
    @Test(arguments: Moment.allCases)
    func theServerSeesTheCloseAtOnce(moment: Moment) async throws {
        let session = try CurlSession()
        var latencies: [UInt64] = []
        for _ in 0..<50 {
            let ready = Latch<Void>()
            let drain = Latch<Void>()
            let closed = Latch<UInt64>()
            let server = RawServer { connection, _ in
                switch moment {
                case .sendingTheBody:
                    // Reads no more until the cancel: curl stands with a full socket.
                    _ = connection.read()
                    ready.open()
                    drain.waitBlocking()
                case .waitingForTheHead:
                    _ = connection.readRequest()
                    ready.open()
                case .inTheHead:
                    _ = connection.readRequest()
                    connection.send("HTTP/1.1 200 OK\r\nContent-Ty")
                    ready.open()
                case .afterTheHead:
                    _ = connection.readRequest()
                    connection.send(okHead)
                case .inTheBody:
                    _ = connection.readRequest()
                    connection.send(okHead + chunk("x"))
                }
                closed.open(connection.waitForClose())
            }
            defer { server.stop() }
            var request = CurlRequest(url: server.url)
            if moment == .sendingTheBody {
                request.method = "POST"
                request.body = [BodyPiece([UInt8](repeating: 1, count: 32 << 20))]
            }
            let exchange = Exchange(
                session, request,
                onResponse: { _ in if moment == .afterTheHead { ready.open() } },
                onData: { _ in ready.open() })
            await ready.value
            let begin = monotonicNanoseconds()
            exchange.cancel()
            drain.open()
            let seen = await closed.value
            latencies.append(seen - begin)
            #expect(await exchange.failure?.kind == .cancelled)
            exchange.cancel()
            #expect(exchange.ends == 1)
        }
        latencies.sort()
        let median = latencies[25]
        // While sending, the time is the server's own: it reads what the kernel had buffered before it sees the end.
        print(
            "cancel, \(moment.rawValue): seen after \(median / 1000) µs (median of 50), \(latencies[49] / 1000) µs at most"
        )
        #expect(median < (moment == .sendingTheBody ? 100_000_000 : 5_000_000))
    }

    @Test func anInterruptedConnectionIsNotUsedAgain() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead + chunk("x"))
            _ = connection.waitForClose()
        }
        defer { server.stop() }
        let session = try CurlSession()
        for number in 1...5 {
            let exchange = Exchange(session, CurlRequest(url: server.url))
            await exchange.firstData.value
            exchange.cancel()
            #expect(await exchange.failure?.kind == .cancelled)
            #expect(server.connectionCount == number)
        }
    }

    @Test func inCallbacks() async throws {
        let server = RawServer { connection, _ in
            _ = connection.readRequest()
            connection.send(okHead)
            while connection.send(chunk("more")) {}
        }
        defer { server.stop() }
        let session = try CurlSession()
        let inResponse = Exchange(session, CurlRequest(url: server.url), onResponse: { $0.cancel() })
        #expect(await inResponse.failure?.kind == .cancelled)
        let inData = Exchange(session, CurlRequest(url: server.url), onData: { $0.cancel() })
        #expect(await inData.failure?.kind == .cancelled)
        // "Of the other callbacks at most the one that is running goes on."
        #expect(inResponse.pieces == 0)
        #expect(inData.pieces == 1)
    }

    @Test func beforeItHasBegun() async throws {
        let server = RawServer { connection, _ in _ = connection.waitForClose() }
        defer { server.stop() }
        let session = try CurlSession()
        let exchanges = (0..<100).map { _ in
            let exchange = Exchange(session, CurlRequest(url: server.url))
            exchange.cancel()
            return exchange
        }
        for exchange in exchanges {
            #expect(await exchange.failure?.kind == .cancelled)
            #expect(exchange.ends == 1)
        }
    }

    @Test func afterTheEndItIsNothing() async throws {
        let server = RawServer { connection, _ in
            while connection.readRequest() != nil { connection.send(okHead + lastChunk) }
        }
        defer { server.stop() }
        let session = try CurlSession()
        let exchange = Exchange(session, CurlRequest(url: server.url))
        #expect(await exchange.completion != nil)
        exchange.cancel()
        // The idle connection is still good.
        #expect(await Exchange(session, CurlRequest(url: server.url)).completion?.connectionWasReused == true)
        #expect(exchange.ends == 1)
    }

    /// Races a cancel from another thread against every moment of a short transfer: always one end.
    @Test func atAnyInstant() async throws {
        let server = RawServer { connection, _ in
            while connection.readRequest() != nil {
                connection.send(okHead)
                for _ in 0..<5 { connection.send(chunk("piece")) }
                connection.send(lastChunk)
            }
        }
        defer { server.stop() }
        let session = try CurlSession()
        var random = SystemRandomNumberGenerator()
        var cancelled = 0
        for _ in 0..<500 {
            let exchange = Exchange(session, CurlRequest(url: server.url))
            let spin = UInt64.random(in: 0..<400_000, using: &random)
            let begin = monotonicNanoseconds()
            while monotonicNanoseconds() - begin < spin {}
            exchange.cancel()
            switch await exchange.end.value {
            case .success: #expect(exchange.text == "piecepiecepiecepiecepiece")
            case .failure(let error):
                #expect(error.kind == .cancelled)
                cancelled += 1
            }
            #expect(exchange.ends == 1)
        }
        #expect(cancelled > 0)
        session.close()
    }
}
