import Glibc
import Testing

@testable import NNG

/// Descriptors are short: one listener takes whoever comes, and the other leaves the last ones to it.
@Suite(.timeLimit(.minutes(1)))
struct YieldingListenersTests {
    @Test func oneThatLeavesThemTakesNobodyUntilThereAreEnough() async throws {
        // Looking through a million of them at each connection would take a while.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_cur, 4096)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

        let directory = SocketDirectory()
        let reply = try ReplySocket(contexts: 8, maximumMessageSize: 100) { _ = try? $0.reply($0.body) }
        // More than can ever be free.
        try reply.listen(directory.url("a"), ListenOptions(leavesDescriptors: FreeDescriptors.limit))
        try reply.listen(directory.url("b"))
        let waiting = try RequestSocket(directory.url("a"), maximumMessageSize: 100)
        let served = try RequestSocket(directory.url("b"), maximumMessageSize: 100)
        async let answer = waiting.request([1], timeout: patience)
        for number in UInt8(2)..<20 { #expect(try await served.request([number], timeout: patience) == [number]) }
        #expect(reply.connections == 1)
        YieldingListeners.shared.set(0, path: directory.file("a"))
        // The same connection, which waited in the kernel's queue.
        #expect(try await answer == [1])
        #expect(try await blocking { waiting.close(deadline: patience) })
        #expect(try await blocking { served.close(deadline: patience) })
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func theyAreCountedUpToTheLimit() {
        var open: [Int32] = []
        defer { for descriptor in open { close(descriptor) } }
        for _ in 0..<20 { open.append(dup(0)) }
        let limit = Int(open.max()!) + 1
        // Others may close theirs meanwhile, and the kernel gave these the lowest that were free.
        #expect(FreeDescriptors.areThere(0, limit: limit))
        #expect(!FreeDescriptors.areThere(limit, limit: limit))
        #expect(FreeDescriptors.areThere(5, limit: limit + 100))
        #expect(!FreeDescriptors.areThere(limit + 101, limit: limit + 100))
    }
}
