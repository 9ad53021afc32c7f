import Synchronization
import Testing

@testable import NNG

/// Each test's SUB sockets live until the process ends, as they must.
@Suite(.timeLimit(.minutes(3))) struct PublishSocketTests {
    /// Sends until the subscriber hears: from then on nothing is missed.
    private func meet(_ publish: PublishSocket, _ heard: Events<[UInt8]>) async throws {
        let isHeard = Flag()
        async let first = heard.next()
        let knocking = Task {
            while !isHeard.isSet {
                try publish.send([0xff])
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        #expect(await first == [0xff])
        isHeard.set()
        try await knocking.value
    }

    /// The next message that is not a knock.
    private func next(_ heard: Events<[UInt8]>) async -> [UInt8] {
        while true {
            let message = await heard.next()
            if message != [0xff] { return message }
        }
    }

    @Test(arguments: [true, false]) func messagesComeInOrderAndByPrefix(isFile: Bool) async throws {
        let directory = SocketDirectory()
        let url = isFile ? directory.url() : Unique.inproc()
        let publish = try PublishSocket()
        try publish.listen(url)
        let heard = Events<[UInt8]>()
        let connected = Events<Peer>()
        let subscribe = try SubscribeSocket(
            url, maximumMessageSize: 100, onConnect: { connected.add($0) }, onMessage: { heard.add($0) })
        _ = await connected.next()
        #expect(subscribe.isConnected)
        try subscribe.subscribe([0xff])
        try subscribe.subscribe([1])
        try await meet(publish, heard)
        #expect(publish.connections == 1)
        for number in 0..<2000 {
            try publish.send([UInt8(number % 2), UInt8(number >> 8), UInt8(number & 0xff)])
        }
        for number in stride(from: 1, to: 2000, by: 2) {
            #expect(await next(heard) == [1, UInt8(number >> 8), UInt8(number & 0xff)])
        }
        // Subscriptions change while messages flow.
        try subscribe.subscribe([0])
        try subscribe.unsubscribe([1])
        #expect(throws: NNGError.notFound) { try subscribe.unsubscribe([5]) }
        try publish.send([1, 1])
        try publish.send([0, 1])
        #expect(await next(heard) == [0, 1])
        #expect(try await blocking { publish.close(deadline: patience) })
        #expect(throws: NNGError.closed) { try publish.send([1]) }
    }

    @Test func subscribersOldAndNewHearAfterARestartOfTheListener() async throws {
        let directory = SocketDirectory()
        let publish = try PublishSocket()
        try publish.listen(directory.url())
        let before = Events<[UInt8]>()
        let after = Events<[UInt8]>()
        let disconnected = Counter()
        let old = try SubscribeSocket(
            directory.url(), maximumMessageSize: 100, onDisconnect: { _ in disconnected.increment() },
            onMessage: { before.add($0) })
        try old.subscribe()
        try await meet(publish, before)
        try publish.restartListener(directory.url())
        let new = try SubscribeSocket(directory.url(), maximumMessageSize: 100, onMessage: { after.add($0) })
        try new.subscribe()
        try await meet(publish, after)
        try publish.send([1, 2])
        #expect(await next(before) == [1, 2])
        #expect(await next(after) == [1, 2])
        #expect(disconnected.value == 0)
        #expect(try await blocking { publish.close(deadline: patience) })
    }

    @Test func subscriberDialsAgainWhenThePublisherComesBack() async throws {
        let directory = SocketDirectory()
        let heard = Events<[UInt8]>()
        let connected = Events<Void>()
        let disconnected = Events<Void>()
        let subscribe = try SubscribeSocket(
            directory.url(), maximumMessageSize: 100, onConnect: { _ in connected.add(()) },
            onDisconnect: { _ in disconnected.add(()) }, onMessage: { heard.add($0) })
        try subscribe.subscribe()
        for _ in 0..<3 {
            let publish = try PublishSocket()
            try publish.listen(directory.url())
            await connected.next()
            try await meet(publish, heard)
            #expect(try await blocking { publish.close(deadline: patience) })
            await disconnected.next()
        }
    }

    @Test func streamGivesWhatIsPublished() async throws {
        let url = Unique.inproc()
        let publish = try PublishSocket()
        try publish.listen(url)
        let (_, messages) = try SubscribeSocket.stream(url, prefixes: [[7]], maximumMessageSize: 100)
        let isHeard = Flag()
        let knocking = Task {
            while !isHeard.isSet {
                try publish.send([7, 1])
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        for await message in messages {
            #expect(message == [7, 1])
            break
        }
        isHeard.set()
        try await knocking.value
        #expect(try await blocking { publish.close(deadline: patience) })
    }

    /// Race: sending from several threads while the socket closes.
    @Test func closeWhileSending() async throws {
        for _ in 0..<20 {
            let publish = try PublishSocket()
            try publish.listen(Unique.inproc())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        await #expect(throws: NNGError.closed) {
                            while true {
                                try publish.send([1, 2, 3])
                                await Task.yield()
                            }
                        }
                    }
                }
                #expect(try await blocking { publish.close(deadline: patience) })
                try await group.waitForAll()
            }
        }
    }
}
