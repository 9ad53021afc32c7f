import Synchronization
import Testing

@testable import NNG

/// More connections than a socket may have: who does nothing makes room.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    @Test func theOneThatIsIdleTheLongestMakesRoom() async throws {
        let directory = SocketDirectory()
        let closed = Events<UInt32>()
        let connections = Mutex<[[UInt8]: UInt32]>([:])
        let reply = try ReplySocket(
            contexts: 8, maximumMessageSize: 100,
            limit: ConnectionLimit(count: 3, grace: .zero) { closed.add($0.connection) }
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

    /// Who asks again and again is never idle for long: newcomers would close each other's connections only.
    @Test func whoHasJustComeIsTheLastToLeave() async throws {
        let directory = SocketDirectory()
        let closed = Events<UInt32>()
        let connections = Mutex<[[UInt8]: UInt32]>([:])
        let reply = try ReplySocket(
            contexts: 8, maximumMessageSize: 100,
            limit: ConnectionLimit(count: 3, grace: .seconds(3600)) { closed.add($0.connection) }
        ) { request in
            connections.withLock { $0[request.body] = request.peer.connection }
            _ = try? request.reply(request.body)
        }
        try reply.listen(directory.url())
        // These do not dial again when they are closed.
        final class Visitor: Sendable {
            let peer: RawPeer
            init(_ peer: consuming RawPeer) { self.peer = peer }
        }
        var visitors: [Visitor] = []
        func come(_ number: UInt8, times: Int) async throws -> UInt32 {
            let path = directory.file()
            visitors.append(
                try await blocking {
                    guard let peer = RawPeer(path) else { throw NNGError.connectionRefused }
                    peer.write(RawPeer.requestHandshake)
                    #expect(peer.read(8).count == 8)
                    for _ in 0..<times {
                        peer.write(RawPeer.frame([0x80, 0, 0, 1, number]))
                        #expect(peer.read(14).last == number)
                    }
                    return Visitor(peer)
                })
            while reply.busyContexts > 0 { try await Task.sleep(for: .milliseconds(1)) }
            return connections.withLock { $0[[number]]! }
        }
        var old: [UInt32] = []
        for number in UInt8(0)..<3 { old.append(try await come(number, times: 2)) }
        var newcomers: [UInt32] = []
        for number in UInt8(3)..<6 {
            newcomers.append(try await come(number, times: 1))
            // Not the newcomer before, though it has said less.
            #expect(await closed.next() == old[Int(number) - 3])
        }
        // Now all are new.
        _ = try await come(6, times: 1)
        #expect(await closed.next() == newcomers[0])
        visitors = []
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func whoHasTheMostGivesOneUpFirst() {
        let order = [
            Standing(processCount: 5, isNew: false, lastUse: 9), Standing(processCount: 5, isNew: true, lastUse: 1),
            Standing(processCount: 5, isNew: true, lastUse: 2), Standing(processCount: 1, isNew: false, lastUse: 1),
            Standing(processCount: 1, isNew: false, lastUse: 8), Standing(processCount: 1, isNew: true, lastUse: 0),
        ]
        #expect(order.shuffled().sorted() == order)
    }

    /// A crowd of one process that always has requests in progress gives up its own; others keep theirs.
    @Test func aCrowdThatNeverReadsGivesUpItsOwn() {
        func crowd(_ busy: Int, others: [(key: UInt32, process: Int32, isBusy: Bool)], sparing: UInt32, mayStay: Bool)
            -> UInt32?
        {
            // As loops: as one expression it took the compiler six seconds.
            var all: [Crowding.Connection] = []
            for place in 0..<busy {
                all.append(
                    Crowding.Connection(
                        key: UInt32(100 + place), process: 7, isBusy: true, isNew: false, lastUse: UInt64(50 + place)))
            }
            for (place, other) in others.enumerated() {
                all.append(
                    Crowding.Connection(
                        key: other.key, process: other.process, isBusy: other.isBusy, isNew: false,
                        lastUse: UInt64(place)))
            }
            return Crowding(connections: all, limit: 8).leaving(sparing: sparing, mayStay: mayStay)
        }
        // An idle one of another process stays, and so does a newcomer of another.
        #expect(crowd(6, others: [(1, 1, false), (2, 2, false), (3, 3, false)], sparing: 3, mayStay: true) == 100)
        #expect(crowd(8, others: [(3, 3, false)], sparing: 3, mayStay: true) == 100)
        #expect(crowd(9, others: [(3, 3, false)], sparing: 3, mayStay: false) == 100)
        // A newcomer of the crowd's own takes the place of nobody else.
        #expect(crowd(8, others: [(3, 7, false), (4, 1, false)], sparing: 3, mayStay: true) == 100)
        #expect(crowd(9, others: [(3, 7, false)], sparing: 3, mayStay: false) == 3)
        // Half of them is no crowd: who is idle leaves, and where nobody is, one more may stay.
        #expect(crowd(4, others: (1...5).map { (UInt32($0), Int32($0), false) }, sparing: 5, mayStay: true) == 1)
        #expect(crowd(4, others: (1...5).map { (UInt32($0), Int32($0), true) }, sparing: 5, mayStay: true) == nil)
        #expect(crowd(4, others: (1...6).map { (UInt32($0), Int32($0), true) }, sparing: 6, mayStay: false) == 6)
    }

    /// While all have a request in progress, one more is let in, and the next one has to come again.
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
            group.addTask {
                let socket = try RequestSocket(url, maximumMessageSize: 100)
                #expect(try await socket.request([6], timeout: patience) == [6])
                #expect(try await blocking { socket.close(deadline: patience) })
            }
            #expect(await arrived.next() == 6)
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
