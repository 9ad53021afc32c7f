import NNG
import Synchronization
import Testing

/// More connections than a socket may have: who does nothing makes room.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    @Test func theOneThatIsIdleTheLongestMakesRoom() async throws {
        let directory = SocketDirectory()
        let closed = Events<UInt32>()
        let connections = Mutex<[[UInt8]: UInt32]>([:])
        let reply = try ReplySocket(
            contexts: 8, maximumMessageSize: 100,
            limit: ConnectionLimit(count: 3) { closed.add($0.connection) }
        ) { request in
            connections.withLock { $0[request.body] = request.peer.connection }
            _ = try? request.reply(request.body)
        }
        try reply.listen(directory.url())
        var sockets: [RequestSocket] = []
        for number in UInt8(0)..<3 {
            sockets.append(try RequestSocket(directory.url(), maximumMessageSize: 100))
            #expect(try await sockets[Int(number)].request([number], timeout: patience) == [number])
        }
        // The first has said something since: the second is the idlest.
        #expect(try await sockets[0].request([0], timeout: patience) == [0])
        let second = connections.withLock { $0[[1]]! }
        // A client has its answer a little before the socket has heard that it is sent: until then it is not idle.
        while reply.busyContexts > 0 { try await Task.sleep(for: .milliseconds(1)) }
        let newcomer = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await newcomer.request([9], timeout: patience) == [9])
        #expect(await closed.next() == second)
        // It dials again by itself, and then has one closed as well.
        while true {
            guard (try? await sockets[1].request([1], timeout: patience)) == [1] else { continue }
            break
        }
        #expect(await closed.next() != second)
        #expect(reply.connections <= 4)
        for socket in sockets + [newcomer] { #expect(try await blocking { socket.close(deadline: patience) }) }
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    /// While all have a request in progress, the newcomer is the one that has to come again.
    @Test func whoWaitsForAnAnswerIsSpared() async throws {
        let directory = SocketDirectory()
        let closed = Events<UInt32>()
        let held = Mutex<[Request]>([])
        let arrived = Events<UInt8>()
        let reply = try ReplySocket(
            contexts: 8, maximumMessageSize: 100,
            limit: ConnectionLimit(count: 2) { closed.add($0.connection) }
        ) { request in
            held.withLock { $0.append(request) }
            arrived.add(request.body[0])
        }
        try reply.listen(directory.url())
        let url = directory.url()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in UInt8(0)..<2 {
                group.addTask {
                    let socket = try RequestSocket(url, maximumMessageSize: 100)
                    #expect(try await socket.request([number], timeout: patience) == [number])
                    #expect(try await blocking { socket.close(deadline: patience) })
                }
                _ = await arrived.next()
            }
            let busy = held.withLock { $0.map(\.peer.connection) }
            let newcomer = try RequestSocket(url, maximumMessageSize: 100)
            let outcome = await newcomer.outcome([7], within: .milliseconds(500))
            #expect(outcome != .success([7]))
            #expect(!busy.contains(await closed.next()))
            for request in held.withLock({ $0 }) { try request.reply(request.body) }
            try await group.waitForAll()
            #expect(try await blocking { newcomer.close(deadline: patience) })
        }
        #expect(try await blocking { reply.close(deadline: patience) })
    }
}
