import Curl
import RawServer
import Testing

/// One request on the wire per transfer, whatever libcurl would do by itself.
@Suite(.timeLimit(.minutes(1)))
struct CurlOnceTests {
    /// Counts the requests that were read whole, by body.
    private final class Seen: Sendable {
        private let bodies = Guarded<[[UInt8]]>([])
        func add(_ request: RawRequest) { bodies.withLock { $0.append(request.body) } }
        var all: [[UInt8]] { bodies.withLock { $0 } }
    }

    static let requests: [(method: String, body: [BodyPiece]?)] = [
        ("GET", nil), ("DELETE", nil), ("POST", []),
        ("POST", [BodyPiece(Array("seg".utf8)), BodyPiece(Array("ments".utf8))]),
        ("PUT", [BodyPiece([UInt8](repeating: 120, count: 3 << 20))]),
    ]

    /// The race between the server closing an idle connection and a request on it. Curl would send the request again,
    /// on one of the other idle connections or a new one, though the server has read it and may have acted.
    @Test(arguments: CurlOnceTests.requests.indices)
    func aConnectionThatClosesAfterTheRequestHasHadIt(index: Int) async throws {
        let request = CurlOnceTests.requests[index]
        let seen = Seen()
        let gate = Latch<Void>()
        let server = RawServer { connection, _ in
            guard let first = connection.readRequest() else { return }
            seen.add(first)
            gate.waitBlocking()
            connection.send(okHead + lastChunk)
            // Closes when the next request is there: curl cannot have seen it before.
            if let next = connection.readRequest() { seen.add(next) }
        }
        defer { server.stop() }
        let session = try CurlSession()
        // Several idle connections: curl would try one after the other.
        let first = (0..<3).map { _ in Exchange(session, CurlRequest(url: server.url)) }
        gate.open()
        for exchange in first { #expect(await exchange.completion != nil) }
        #expect(server.connectionCount == 3)

        // Which idle connections curl gives up with a failure is its own affair: one at least, three at most.
        var failures = 0
        while true {
            let exchange = Exchange(
                session, CurlRequest(url: server.url, method: request.method, body: request.body))
            let failure = await exchange.failure
            #expect(seen.all.count == 3 + failures + 1)
            #expect(seen.all.last == request.body.map { Array($0.joined()) } ?? [])
            guard let failure else { break }
            failures += 1
            #expect(failure.kind == .transport)
            #expect(failure.message.contains("not sent again"), "\(failure)")
        }
        #expect((1...3).contains(failures))
    }

    /// Half a request is on the wire when the connection breaks: that is not the time to send another.
    @Test func aConnectionThatBreaksInTheBody() async throws {
        let heads = Guarded(0)
        let server = RawServer { connection, _ in
            guard connection.readRequest() != nil else { return }
            connection.send(okHead + lastChunk)
            if connection.read() != nil { heads.withLock { $0 += 1 } }
            connection.reset()
        }
        defer { server.stop() }
        let session = try CurlSession()
        #expect(await Exchange(session, CurlRequest(url: server.url)).completion != nil)
        let body = [BodyPiece([UInt8](repeating: 120, count: 8 << 20))]
        let second = Exchange(session, CurlRequest(url: server.url, method: "POST", body: body))
        #expect(await second.failure?.kind == .transport)
        #expect(heads.withLock { $0 } == 1)
        // One that curl opened to send again, at most, over which nothing was sent.
        #expect(server.connectionCount <= 2)
    }

    @Test func aConnectionThatWasClosedBeforeTheRequestIsReplaced() async throws {
        let seen = Seen()
        let closed = Latch<Void>()
        let server = RawServer { connection, number in
            guard let request = connection.readRequest() else { return }
            seen.add(request)
            connection.send(okHead + lastChunk)
            guard number == 0 else { return }
            connection.close()
            closed.open()
        }
        defer { server.stop() }
        let session = try CurlSession()
        #expect(await Exchange(session, CurlRequest(url: server.url)).completion != nil)
        await closed.value
        let second = Exchange(
            session, CurlRequest(url: server.url, method: "POST", body: [BodyPiece(Array("body".utf8))]))
        #expect(await second.completion?.connectionWasReused == false)
        #expect(seen.all == [[], Array("body".utf8)])
    }

    /// Answers after which clients like to ask again: they are answers, and the body is sent once.
    @Test(arguments: [
        "401 No\r\nWWW-Authenticate: Basic realm=\"x\"", "401 No\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"",
        "401 No\r\nWWW-Authenticate: Negotiate", "407 No\r\nProxy-Authenticate: Basic realm=\"x\"", "417 No",
        "307 Go\r\nLocation: /there", "308 Go\r\nLocation: /there", "421 Not here", "408 Late", "425 Early",
        "503 Later\r\nRetry-After: 0",
    ])
    func anAnswerThatInvitesAnotherRequest(status: String) async throws {
        let seen = Seen()
        let server = RawServer { connection, _ in
            while let request = connection.readRequest() {
                seen.add(request)
                connection.send("HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\r\n")
            }
        }
        defer { server.stop() }
        let session = try CurlSession()
        for user in ["", "somebody:password@"] {
            let url = "http://\(user)127.0.0.1:\(server.port)/"
            for number in 1...2 {
                let exchange = Exchange(
                    session, CurlRequest(url: url, method: "POST", body: [BodyPiece(Array("body".utf8))]))
                #expect(await exchange.completion?.response.status == Int(status.prefix(3)))
                #expect(seen.all.count == number + (user.isEmpty ? 0 : 2))
            }
        }
    }
}
