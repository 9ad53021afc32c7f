import Testing

@testable import NNG

@Suite(.timeLimit(.minutes(3))) struct RequestSocketTests {
    @Test func missingServerIsToldAtOnceAndFoundWhenItComes() async throws {
        let directory = SocketDirectory()
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        // Not the time-out of an hour.
        let error = await #expect(throws: NNGError.connectionRefused) {
            try await request.request([1], timeout: .seconds(3600))
        }
        #expect(error?.description.contains(directory.file()) == true)
        await #expect(throws: NNGError.connectionRefused) {
            try await blocking { try request.requestBlocking([1], timeout: .seconds(3600)) }
        }
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        #expect(try await request.request([1], timeout: patience) == [1])
        #expect(try await blocking { reply.close(deadline: patience) })
        // Its file is gone with it. The connection may not be gone yet: then the request ends with it.
        let outcome = await request.outcome([1])
        #expect(outcome == .failure(.connectionRefused) || outcome == .failure(.connectionReset))
        #expect(try await blocking { request.close(deadline: patience) })
    }

    @Test func timeOutLeavesTheSocketUsableAndDropsTheLateReply() async throws {
        let directory = SocketDirectory()
        let held = Held()
        let reply = try ReplySocket(contexts: 4, maximumMessageSize: 100) { request in
            if request.body == [0] { held.add(request) } else { _ = try? request.reply(request.body) }
        }
        try reply.listen(directory.url())
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await request.request([9], timeout: patience) == [9])
        for number in 1...10 {
            await #expect(throws: NNGError.timedOut) { try await request.request([0], timeout: .milliseconds(30)) }
            for late in held.takeAll() { _ = try late.reply([0, 0]) }
            #expect(try await request.request([UInt8(number)], timeout: patience) == [UInt8(number)])
        }
        #expect(try await blocking { reply.close(deadline: patience) && request.close(deadline: patience) })
    }

    @Test func whoLosesItsConnectionIsTold() async throws {
        let directory = SocketDirectory()
        let reply = try ReplySocketTests.echo()
        try reply.listen(directory.url())
        let (lost, tell) = AsyncStream.makeStream(of: Void.self)
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100) { tell.yield() }
        #expect(try await request.request([1], timeout: patience) == [1])
        #expect(try await blocking { reply.close(deadline: patience) })
        for await _ in lost { break }
        #expect(!request.isConnected)
        #expect(try await blocking { request.close(deadline: patience) })
    }

    /// The connection is closed between two requests of a socket that dials no more. Nobody would ever make another one, so
    /// the next request ends at once.
    @Test func whoDialsNoMoreAndHasNoConnectionIsToldSo() async throws {
        for round in 0..<10 {
            let directory = SocketDirectory()
            let first = try ReplySocketTests.echo()
            try first.listen(directory.url())
            let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
            #expect(try await request.request([1], timeout: patience) == [1])
            request.dialNoMore()
            #expect(try await blocking { first.close(deadline: patience) })
            let second = try ReplySocketTests.echo()
            try second.listen(directory.url())
            let outcome = await request.outcome([3])
            // nng may have dialled again at once, as it does half the time.
            #expect(
                [.success([3]), .failure(.connectionRefused), .failure(.connectionReset)].contains(outcome),
                "round \(round): \(outcome)")
            #expect(try await blocking { second.close(deadline: patience) && request.close(deadline: patience) })
        }
    }

    @Test func secondRequestAtOnceIsBusy() async throws {
        let url = Unique.inproc()
        let held = Held()
        let reply = try ReplySocket(contexts: 4, maximumMessageSize: 100) { held.add($0) }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        async let first = request.outcome([1])
        await held.waitFor(1)
        await #expect(throws: NNGError.busy) { try await request.request([2], timeout: patience) }
        for request in held.takeAll() { _ = try request.reply([3]) }
        let ended = await first
        #expect(ended == .success([3]))
        #expect(try await blocking { reply.close(deadline: patience) && request.close(deadline: patience) })
    }

    @Test func brokenConnectionEndsTheRequestAndNothingIsSentAgain() async throws {
        let directory = SocketDirectory()
        let held = Held()
        let count = Counter()
        let reply = try ReplySocket(contexts: 4, maximumMessageSize: 100) { held.add($0) }
        try reply.listen(directory.url())
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        async let first = request.outcome([1])
        await held.waitFor(1)
        #expect(try await blocking { reply.close(deadline: patience) })
        let ended = await first
        #expect(ended == .failure(.connectionReset))
        let next = try ReplySocket(contexts: 4, maximumMessageSize: 100) { request in
            count.increment()
            _ = try? request.reply(request.body)
        }
        try next.listen(directory.url())
        #expect(try await request.request([2], timeout: patience) == [2])
        #expect(count.value == 1)
        #expect(try await blocking { next.close(deadline: patience) && request.close(deadline: patience) })
    }

    @Test func cancelledBeforeItBegins() async throws {
        let directory = SocketDirectory()
        let count = Counter()
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { request in
            count.increment()
            _ = try? request.reply([])
        }
        try reply.listen(directory.url())
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await request.request([1], timeout: patience)
        }
        await #expect(throws: NNGError.canceled) { try await task.value }
        #expect(try await request.request([1], timeout: patience) == [])
        #expect(count.value == 1)
        #expect(try await blocking { reply.close(deadline: patience) && request.close(deadline: patience) })
    }

    /// Race: a cancel may fall before, into and after the send, the receive, and the reply.
    @Test(arguments: [true, false]) func fiveHundredCancelRaces(isFile: Bool) async throws {
        let directory = SocketDirectory()
        let url = isFile ? directory.url() : Unique.inproc()
        let reply = try ReplySocketTests.echo()
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        for number in 0..<500 {
            let bytes = [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)]
            let task = Task { try await request.request(bytes, timeout: patience) }
            for _ in 0..<(number % 7) { await Task.yield() }
            task.cancel()
            switch await task.result {
            case .success(let reply): #expect(reply == bytes)
            case .failure(let error): #expect(error as? NNGError == .canceled)
            }
        }
        #expect(try await request.request([1, 2, 3], timeout: patience) == [1, 2, 3])
        #expect(try await blocking { reply.close(deadline: patience) && request.close(deadline: patience) })
    }

    /// Race: the cancel falls while the server has the request, and the server answers meanwhile.
    @Test func cancelWhileTheServerAnswers() async throws {
        let url = Unique.inproc()
        let arrived = Events<Request>()
        let reply = try ReplySocket(contexts: 8, maximumMessageSize: 100) { arrived.add($0) }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        for number in 0..<100 {
            let task = Task { try await request.request([1], timeout: patience) }
            let received = await arrived.next()
            async let answer = blocking { try received.reply([2]) }
            if number % 2 == 0 { await Task.yield() }
            task.cancel()
            _ = try await answer
            switch await task.result {
            case .success(let reply): #expect(reply == [2])
            case .failure(let error): #expect(error as? NNGError == .canceled)
            }
        }
        #expect(try await blocking { reply.close(deadline: patience) && request.close(deadline: patience) })
    }

    @Test func closeEndsTheRequestInProgress() async throws {
        let url = Unique.inproc()
        let held = Held()
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { held.add($0) }
        try reply.listen(url)
        let request = try RequestSocket(url, maximumMessageSize: 100)
        async let answer = request.outcome([1])
        await held.waitFor(1)
        #expect(try await blocking { request.close(deadline: patience) })
        let ended = await answer
        #expect(ended == .failure(.canceled))
        await #expect(throws: NNGError.closed) { try await request.request([1], timeout: patience) }
        #expect(try await blocking { reply.close(deadline: patience) })
    }
}
