import Glibc
import Synchronization
import Testing

@testable import NNG

@Suite(.timeLimit(.minutes(3))) struct ReplySocketTests {
    static func echo(contexts: Int = 8, size: Int = 1 << 20) throws -> ReplySocket {
        try ReplySocket(contexts: contexts, maximumMessageSize: size) { _ = try? $0.reply($0.body) }
    }

    @Test(arguments: [0, 1, 64, 5000, 1 << 20])
    func roundTripKeepsEveryByte(count: Int) async throws {
        let directory = SocketDirectory()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let reply = try Self.echo()
        for url in [Unique.inproc(), directory.url()] {
            try reply.listen(url)
            let request = try RequestSocket(url, maximumMessageSize: 1 << 20)
            for _ in 0..<5 { #expect(try await request.request(bytes, timeout: patience) == bytes) }
            #expect(try await blocking { try request.requestBlocking(bytes, timeout: patience) } == bytes)
        }
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func messageBuiltInPlace() async throws {
        let url = Unique.inproc()
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { request in
            guard let message = try? Message(count: 4, fill: { $0[1] = request.body[0] }) else { return }
            request.reply(message: message)
        }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        #expect(try await request.request([9], timeout: patience) == [0, 9, 0, 0])
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func sixtyFourRequestsAtOnceAnsweredInReverse() async throws {
        let directory = SocketDirectory()
        let held = Held()
        let reply = try ReplySocket(contexts: 64, maximumMessageSize: 100) { held.add($0) }
        try reply.listen(directory.url())
        let url = directory.url()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let request = try RequestSocket(url, maximumMessageSize: 100)
                    #expect(try await request.request([UInt8(number)], timeout: patience) == [UInt8(number), 1])
                    #expect(try await blocking { request.close(deadline: patience) })
                }
            }
            await held.waitFor(64)
            #expect(reply.busyContexts == 64)
            #expect(reply.freeContexts == 0)
            #expect(reply.connections == 64)
            // The listener answers a probe while no context is free.
            let file = directory.file()
            let outcome = try await blocking {
                try ListenerProbe.probe(path: file, expecting: .reply, timeout: patience)
            }
            #expect(outcome == .alive)
            for request in held.takeAll().reversed() {
                #expect(try request.reply(request.body + [1]))
                #expect(try !request.reply([0]), "a request is answered once")
            }
            try await group.waitForAll()
        }
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func droppedRequestGivesItsContextBack() async throws {
        let url = Unique.inproc()
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { request in
            if request.body != [0] { _ = try? request.reply(request.body) }
        }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        for _ in 0..<3 {
            await #expect(throws: NNGError.timedOut) { try await request.request([0], timeout: .milliseconds(20)) }
            #expect(try await request.request([1], timeout: patience) == [1])
        }
        #expect(try await blocking { reply.close(deadline: patience) })
        #expect(reply.busyContexts == 0)
    }

    @Test func tooLongRequestClosesItsConnectionOnly() async throws {
        let directory = SocketDirectory()
        let reply = try Self.echo(size: 1000)
        try reply.listen(directory.url())
        let good = try RequestSocket(directory.url(), maximumMessageSize: 1000)
        let bad = try RequestSocket(directory.url(), maximumMessageSize: 1000)
        let longest = [UInt8](repeating: 3, count: 1000)
        #expect(try await good.request(longest, timeout: patience) == longest)
        await #expect(throws: NNGError.connectionReset) { try await bad.request(longest + [3], timeout: patience) }
        #expect(try await good.request([1], timeout: patience) == [1])
        #expect(try await bad.request([2], timeout: patience) == [2])
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func peerIsSeenAndCanBeRefused() async throws {
        let directory = SocketDirectory()
        let peers = Mutex<[Peer]>([])
        let seen = Events<Peer>()
        let reply = try ReplySocket(contexts: 2, maximumMessageSize: 100) { request in
            seen.add(request.peer)
            _ = try? request.reply([])
        }
        // The first three connections are refused; the client dials again by itself.
        let options = ListenOptions(filePermissions: 0o640) { peer in
            peers.withLock { peers in
                peers.append(peer)
                return peers.count > 3
            }
        }
        try reply.listen(directory.url(), options)
        var status = stat()
        #expect(stat(directory.file(), &status) == 0 && status.st_mode & 0o777 == 0o640)
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        // A request that was sent before the refusal was seen ends with its connection.
        var outcome = await request.outcome([1])
        for _ in 0..<3 where outcome == .failure(.connectionReset) { outcome = await request.outcome([1]) }
        #expect(outcome == .success([]))
        let asked = peers.withLock { $0 }
        #expect(asked.count == 4)
        #expect(asked.allSatisfy { $0.user == getuid() && $0.group == getgid() && $0.process == getpid() })
        #expect(await seen.next() == asked.last)
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func answerAfterCloseGoesNowhere() async throws {
        let url = Unique.inproc()
        let held = Held()
        let reply = try ReplySocket(contexts: 2, maximumMessageSize: 100) { held.add($0) }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        async let answer = request.outcome([1])
        await held.waitFor(1)
        #expect(try await blocking { reply.close(deadline: patience) })
        #expect(try await blocking { reply.close(deadline: patience) }, "a second close does nothing")
        for request in held.takeAll() { #expect(try !request.reply([1])) }
        let ended = await answer
        #expect(ended == .failure(.connectionReset))
        #expect(throws: NNGError.closed) { try reply.listen(Unique.inproc()) }
    }

    /// Race: nng 1.5.2 hangs when a REP socket is closed under load, and aborts when a receive meets the close.
    @Test func closeWhileBusyOverFiles() async throws {
        try await closeWhileBusy(isFile: true)
    }

    @Test func closeWhileBusyInProcess() async throws {
        try await closeWhileBusy(isFile: false)
    }

    private func closeWhileBusy(isFile: Bool) async throws {
        for _ in 0..<50 {
            let directory = SocketDirectory()
            let url = isFile ? directory.url() : Unique.inproc()
            let answered = Events<Void>()
            let reply = try ReplySocket(contexts: 8, maximumMessageSize: 100) { request in
                _ = try? request.reply(request.body)
                answered.add(())
            }
            try reply.listen(url)
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let request = try RequestSocket(url, maximumMessageSize: 100)
                        while !isOver.isSet {
                            // Ends with an error when the server goes; which one is the race.
                            _ = await request.outcome([1], within: isFile ? patience : .milliseconds(50))
                            await Task.yield()  // a refusal comes without a pause
                        }
                        #expect(try await blocking { request.close(deadline: patience) })
                    }
                }
                for _ in 0..<20 { await answered.next() }
                #expect(try await blocking { reply.close(deadline: patience) })
                isOver.set()
                try await group.waitForAll()
            }
        }
    }

    @Test func droppedSocketsCloseThemselves() async throws {
        for _ in 0..<20 {
            let url = Unique.inproc()
            let reply = try Self.echo()
            try reply.listen(url)
            let request = try RequestSocket(url, maximumMessageSize: 100)
            #expect(try await request.request([1], timeout: patience) == [1])
        }
    }

    @Test func impossibleSizesAreErrors() {
        #expect(throws: NNGError.invalidArgument) { try Self.echo(contexts: 0) }
        #expect(throws: NNGError.invalidArgument) { try Self.echo(size: 0) }
        #expect(throws: NNGError.invalidArgument) { try Self.echo(size: -1) }
    }
}
