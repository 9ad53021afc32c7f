import Glibc
import Testing

@testable import NNG

@Suite(.timeLimit(.minutes(3))) struct ListenerProbeTests {
    private func probe(
        _ directory: SocketDirectory, _ kind: ListenerProbe.Kind, within timeout: Duration = patience
    ) async throws -> ListenerProbe.Outcome {
        let path = directory.file()
        return try await blocking { try ListenerProbe.probe(path: path, expecting: kind, timeout: timeout) }
    }

    @Test func livingListenersAnswerAgainAndAgain() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        for _ in 0..<50 { #expect(try await probe(directory, .reply) == .alive) }
        #expect(try await probe(directory, .publish) == .foreign)
        #expect(reply.connections == 0)
        #expect(try await blocking { reply.close(deadline: patience) })
        #expect(try await probe(directory, .reply) == .absent)
        let publish = try PublishSocket()
        try publish.listen(directory.url())
        for _ in 0..<50 { #expect(try await probe(directory, .publish) == .alive) }
        #expect(try await blocking { publish.close(deadline: patience) })
    }

    /// nng before 1.6 ends a listener for them, if nothing stands before that: see `sendMessageToWhoeverIsThere`.
    @Test func peersThatLeaveDuringTheHandshakeEndNoListener() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        let old = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await old.request([1], timeout: patience) == [1])
        for _ in 0..<400 { _ = RawPeer(directory.file()) }
        // While so many wait to be taken there is no place in the queue, which says nothing; a listener that has ended
        // never takes them.
        #expect(try await probe(directory, .reply) == .alive)
        let new = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await new.request([2], timeout: patience) == [2])
        #expect(try await old.request([3], timeout: patience) == [3])
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func connectionsOutliveARestart() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        let old = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await old.request([1], timeout: patience) == [1])
        for _ in 0..<3 {
            try reply.restartListener(directory.url())
            #expect(try await probe(directory, .reply) == .alive)
            let new = try RequestSocket(directory.url(), maximumMessageSize: 100)
            #expect(try await new.request([4], timeout: patience) == [4])
            #expect(try await old.request([5], timeout: patience) == [5])
        }
        #expect(try await blocking { reply.close(deadline: patience) })
        let publish = try PublishSocket()
        try publish.listen(directory.url())
        try publish.restartListener(directory.url())
        #expect(try await probe(directory, .publish) == .alive)
        #expect(try await blocking { publish.close(deadline: patience) })
    }

    /// Connections without a handshake take descriptors, and nobody else sees them.
    @Test func silentConnectionsAreClosedAndOthersAreNot() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        let old = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await old.request([1], timeout: patience) == [1])
        var silent = SilentConnections()
        func look() -> Int { silent.close([(directory.file(), reply.connectionsByProcess)], limit: 8192) }
        #expect(look() == 0 && look() == 0)
        let peers = (0..<20).map { _ in SocketFile.connect(directory.file(), type: SOCK_STREAM).0 }
        defer { for peer in peers { close(peer) } }
        // All of them are taken when this is answered, in their order.
        #expect(try await probe(directory, .reply) == .alive)
        #expect(look() == 0)
        // nng takes a moment to close what was shut down: till then it is found again.
        var closed = 0
        while closed < 20 { closed += look() }
        #expect(try await old.request([3], timeout: patience) == [3])
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func hostileBytesHarmNobodyElse() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo(contexts: 4, size: 1000)
        try reply.listen(directory.url())
        let good = try RequestSocket(directory.url(), maximumMessageSize: 1000)
        #expect(try await good.request([1], timeout: patience) == [1])
        let handshake = RawPeer.requestHandshake
        let attacks: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
            [0, 0x53, 0x50],
            [UInt8](repeating: 0xff, count: 4096),
            handshake + RawPeer.frame([], claiming: 1 << 40),
            handshake + RawPeer.frame([], claiming: .max),
            handshake + RawPeer.frame([]),
            handshake + RawPeer.frame([1, 2, 3]),
            handshake + RawPeer.frame([UInt8](repeating: 0, count: 900)),
            handshake + RawPeer.frame([UInt8](repeating: 0x7f, count: 64)),
            handshake + RawPeer.frame([0x80, 0, 0, 1], claiming: 100),
            handshake + [2] + RawPeer.frame([0x80, 0, 0, 1]).dropFirst(),
            handshake + RawPeer.frame([UInt8](repeating: 0x80, count: 1005)),
            handshake + handshake,
        ]
        for _ in 0..<5 {
            for attack in attacks {
                do {
                    guard let peer = RawPeer(directory.file()) else { continue }
                    peer.write(attack)
                }
                #expect(try await good.request([2], timeout: patience) == [2])
            }
        }
        let path = directory.file()
        let answer = try await blocking {
            guard let peer = RawPeer(path) else { return [UInt8]() }
            peer.write(handshake + RawPeer.frame([0x80, 0, 0, 1, 42]))
            return peer.read(8 + 9 + 5)
        }
        #expect(Array(answer.suffix(5)) == [0x80, 0, 0, 1, 42])
        #expect(try await blocking { reply.close(deadline: patience) })
    }
}
