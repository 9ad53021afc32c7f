import Curl
import Glibc
import RawServer
import Testing

/// No descriptor is left: said as what it is, and over when there are some again. Each test has a process of its own.
@Suite(.timeLimit(.minutes(2)))
struct CurlDescriptorTests {
    private static func limit(to count: Int32) {
        var limit = rlimit(rlim_cur: rlim_t(count), rlim_max: 4096)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    @Test func noneLeftIsAFailureOfItsOwn() async {
        await #expect(processExitsWith: .success) {
            let server = RawServer { connection, _ in
                while connection.readRequest() != nil {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                }
            }
            let session = try CurlSession()
            let named = server.url.replacing("127.0.0.1", with: "localhost")
            #expect(await Exchange(session, CurlRequest(url: named)).completion != nil)
            let free = dup(0)
            close(free)
            for url in [server.url, named] {
                // None left; then some, but fewer than a name needs.
                for spare in [Int32(0), 1] where url == named || spare == 0 {
                    CurlDescriptorTests.limit(to: free + spare)
                    let failure = await Exchange(session, CurlRequest(url: url)).failure
                    #expect(failure?.kind == .descriptors, "\(url) \(spare): \(String(describing: failure))")
                    #expect(failure?.message.contains("too many open descriptors") == true)
                }
            }
            #expect((try? CurlSession()) == nil)
            CurlDescriptorTests.limit(to: 4096)
            for url in [server.url, named] {
                #expect(await Exchange(session, CurlRequest(url: url)).completion != nil, "\(url)")
            }
            // What cannot be reached is not mistaken for it.
            server.stop()
            #expect(await Exchange(session, CurlRequest(url: server.url)).failure?.kind == .connect)
        }
    }

    @Test func idleConnectionsHaveALimit() async {
        await #expect(processExitsWith: .success) {
            let open = Guarded(0)
            let server = RawServer { connection, _ in
                open.withLock { $0 += 1 }
                while connection.readRequest() != nil { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
                open.withLock { $0 -= 1 }
            }
            defer { server.stop() }
            let session = try CurlSession(idleConnections: 3)
            let exchanges = (0..<20).map { _ in Exchange(session, CurlRequest(url: server.url)) }
            for exchange in exchanges { #expect(await exchange.completion != nil) }
            // The server's threads notice that the others were closed.
            while open.withLock({ $0 }) > 3 { try await Task.sleep(for: .milliseconds(5)) }
            let again = await Exchange(session, CurlRequest(url: server.url)).completion
            #expect(again?.connectionWasReused == true)
        }
    }
}
