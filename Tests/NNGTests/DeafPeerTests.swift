import Testing

@testable import NNG

/// Peers that ask and ask and do not read, or are gone before they could.
@Suite(.timeLimit(.minutes(1)))
struct DeafPeerTests {
    /// The number of the request, and one byte.
    private static let request = RawPeer.frame([0x80, 0, 0, 1, 7])

    private static func pipeline(_ count: Int) -> [UInt8] {
        RawPeer.requestHandshake + Array(repeatElement(request, count: count).joined())
    }

    /// In nng 1.5.2 a connection that ends between two parts of a message is never let go of, nor is any after it.
    @Test func connectionsThatEndInMidMessageAreAllGivenBack() async throws {
        let directory = SocketDirectory()
        let ended = Counter()
        let all = Events<Int>()
        let reply = try ReplySocket(
            contexts: 16, maximumMessageSize: 100,
            onDisconnect: { _ in
                ended.increment()
                all.add(ended.value)
            }
        ) { _ = try? $0.reply([1]) }
        try reply.listen(directory.url())
        let (rounds, peers) = (20, 8)
        for round in 1...rounds {
            let url = directory.file()
            try await blocking {
                for _ in 0..<peers {
                    guard let peer = RawPeer(url) else { throw NNGError.connectionRefused }
                    peer.write(Self.pipeline(1000))
                    // One answer is there: the others are on their way when it leaves.
                    #expect(peer.read(8 + 14).count == 8 + 14)
                }
            }
            while await all.next() < round * peers {}
        }
        #expect(reply.connections == 0)
        let isClosed = try await blocking { reply.close(deadline: .seconds(10)) }
        #expect(isClosed)
    }

    @Test func whoDoesNotReadIsCutOffWhileContextsAreWanted() async throws {
        let directory = SocketDirectory()
        let path = directory.file()
        let isGone = Flag()
        let answer = [UInt8](repeating: 1, count: 64 << 10)
        let reply = try ReplySocket(
            contexts: 4, maximumMessageSize: 100, onDisconnect: { _ in isGone.set() }
        ) { _ = try? $0.reply(answer) }
        try reply.listen(directory.url())
        let read = try await blocking { () -> Int in
            guard let peer = RawPeer(path) else { throw NNGError.connectionRefused }
            peer.write(Self.pipeline(100))
            #expect(comes { isGone.isSet })
            // What was sent before is there to be read, and then the end.
            return peer.read(100 * answer.count).count
        }
        #expect(read < 50 * answer.count)
        let good = try RequestSocket(directory.url(), maximumMessageSize: 1 << 20)
        #expect(await good.outcome([1]) == .success(answer))
        good.close(deadline: .seconds(10))
        reply.close(deadline: .seconds(10))
    }

    @Test func whoDoesNotReadLosesAnswersAndNoMoreWhileThereAreContexts() async throws {
        let directory = SocketDirectory()
        let path = directory.file()
        let asked = Counter()
        let size = 64 << 10
        let reply = try ReplySocket(
            contexts: 64, maximumMessageSize: 100, sendTimeout: .milliseconds(20)
        ) { request in
            asked.increment()
            _ = try? request.reply([UInt8(asked.value)] + [UInt8](repeating: 0, count: size - 1))
        }
        try reply.listen(directory.url())
        let last = try await blocking { () -> UInt8? in
            guard let peer = RawPeer(path) else { throw NNGError.connectionRefused }
            peer.write(Self.pipeline(20))
            #expect(comes { asked.value == 20 && reply.busyContexts == 0 })
            peer.write(Self.request)
            #expect(comes { asked.value == 21 })
            // The first answers are there still, those that waited too long are not, and then comes the one to this.
            _ = peer.read(8)
            var last: UInt8?
            for _ in 0..<20 where last != 21 {
                let frame = peer.read(9 + 4 + size)
                guard frame.count == 9 + 4 + size else { break }
                last = frame[9 + 4]
            }
            return last
        }
        #expect(last == 21)
        reply.close(deadline: .seconds(10))
    }
}
