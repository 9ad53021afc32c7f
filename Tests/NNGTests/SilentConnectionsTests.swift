import Glibc
import NNG
import Testing

/// Which connections pass for silent, beside a listener of this test: what nng has of them is said to the watch.
@Suite struct SilentConnectionsTests {
    /// A listener, and both ends of its connections.
    private final class Listener {
        let path = "/tmp/fermata-silent-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        private let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        private(set) var ends: [(client: Int32, server: Int32)] = []

        init() throws {
            try #require(withAddress { bind(descriptor, $0, $1) } == 0 && listen(descriptor, 16) == 0)
        }

        deinit {
            for end in ends {
                Glibc.close(end.client)
                Glibc.close(end.server)
            }
            Glibc.close(descriptor)
            unlink(path)
        }

        func connect() throws {
            let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            try #require(withAddress { Glibc.connect(client, $0, $1) } == 0)
            ends.append((client, accept(descriptor, nil, nil)))
        }

        /// Whether the server's end was shut down: its client reads the end.
        func isShut(_ index: Int) -> Bool {
            var end = pollfd(fd: ends[index].client, events: Int16(POLLIN), revents: 0)
            return poll(&end, 1, 0) == 1
        }

        private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(100)) }
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }

    /// nng counts a connection no more whose peer has gone, and its descriptor is open for a moment longer.
    @Test func oneThatHasEndedStandsForNoOther() throws {
        let listener = try Listener()
        var silent = SilentConnections()
        for _ in 0..<5 { try listener.connect() }
        for index in 0..<4 { shutdown(listener.ends[index].client, Int32(SHUT_RDWR)) }
        for _ in 0..<3 {
            #expect(silent.close([(listener.path, [getpid(): 1])], limit: 1024) == 0)
        }
        #expect(!listener.isShut(4))
    }

    @Test func aCrowdIsClosedAtTheSecondLook() throws {
        let listener = try Listener()
        var silent = SilentConnections()
        for _ in 0..<5 { try listener.connect() }
        #expect(silent.close([(listener.path, [getpid(): 1])], limit: 1024) == 0)
        #expect(silent.close([(listener.path, [getpid(): 1])], limit: 1024) == 4)
        #expect((0..<5).filter(listener.isShut).count == 4)
    }

    /// A client that comes alone is slow where the machine is busy, and no crowd.
    @Test func aFewAreGivenTime() throws {
        let listener = try Listener()
        var silent = SilentConnections()
        for _ in 0..<3 { try listener.connect() }
        for _ in 0..<2 { #expect(silent.close([(listener.path, [:])], limit: 1024) == 0) }
        #expect((0..<3).allSatisfy { !listener.isShut($0) })
        let end = ContinuousClock.now + .seconds(10)
        var closed = 0
        while closed < 3, ContinuousClock.now < end { closed += silent.close([(listener.path, [:])], limit: 1024) }
        #expect(closed == 3)
    }
}
