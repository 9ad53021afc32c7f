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
            // Nobody listens there: what finds a descriptor is refused. The first attempts load what a name needs.
            let urls = ["http://127.0.0.1:9/", "http://localhost:9/"]
            let session = try CurlSession()
            for url in urls { #expect(await Exchange(session, CurlRequest(url: url)).failure?.kind == .connect) }
            CurlDescriptorTests.limit(to: 256)
            var taken: [Int32] = []
            while true {
                let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { break }
                taken.append(descriptor)
            }
            // None, one, two and three are left. An address needs one, a name may need some more.
            for spare in 0..<4 {
                for url in urls where spare == 0 || url == urls[1] {
                    let failure = await Exchange(session, CurlRequest(url: url)).failure
                    let kinds: [CurlError.Kind] = spare < 1 ? [.descriptors] : [.descriptors, .connect]
                    #expect(kinds.contains { $0 == failure?.kind }, "\(url) \(spare): \(String(describing: failure))")
                    if failure?.kind == .descriptors {
                        #expect(failure?.message.contains("too many open descriptors") == true)
                    }
                }
                if spare == 0 { #expect((try? CurlSession()) == nil) }
                close(taken.removeLast())
            }
            for descriptor in taken { close(descriptor) }
            // What cannot be reached is not mistaken for it, and the session works as before.
            for url in urls { #expect(await Exchange(session, CurlRequest(url: url)).failure?.kind == .connect) }
            let server = RawServer { connection, _ in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
            defer { server.stop() }
            #expect(await Exchange(session, CurlRequest(url: server.url)).completion != nil)
        }
    }

    @Test func idleConnectionsHaveALimit() async {
        await #expect(processExitsWith: .success) {
            let open = Guarded(0)
            let server = RawServer { connection, _ in
                open.withLock { $0 += 1 }
                while connection.readRequest() != nil {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
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
