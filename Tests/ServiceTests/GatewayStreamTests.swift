import FermataClient
import FermataProtocol
import Foundation
import RawServer
import Synchronization
import Testing

extension OneServerAtATime {
    /// Server-sent events through the gateway.
    @Suite(.timeLimit(.minutes(3))) struct GatewayStreamTests {
        /// Pauses and resumes runs until it is told to stop: each is an event.
        private func write(_ runs: [String], _ service: Service, until isDone: @Sendable () -> Bool) async throws {
            while !isDone() {
                for run in runs {
                    try await service.pause(run)
                    try await service.resume(run)
                }
            }
        }

        private func everyEvent(_ service: Service) async throws -> [FermataEvent] {
            var events: [FermataEvent] = []
            while true {
                let page = try await service.client.send(FermataReadEvents.with { $0.after = events.last?.offset ?? 0 })
                events += page.events
                if !page.more { return events }
            }
        }

        /// Race: the connection is cut anywhere, a hundred times, while events come: in a head, in an event, between
        /// two. What the client has of them by `Last-Event-ID` alone is every event once, in order.
        @Test func aStreamThatIsCutHasEveryEventOnce() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    var runs: [String] = []
                    for _ in 0..<3 { runs.append(try await service.launch("") { $0.task = "" }) }
                    let writers = runs
                    let isDone = Mutex(false)
                    let followed = runs[1]
                    async let writing: Void = write(writers, service) { isDone.withLock { $0 } }
                    for (path, isWanted) in [
                        ("/v1/events?after=0", { _ in true }),
                        ("/v1/events?run=\(followed)&after=0", { $0.run == followed }),
                    ] as [(String, (FermataEvent) -> Bool)] {
                        var got: [FermataEvent] = []
                        var lastID = ""
                        for cut in 0...50 {
                            var source = try #require(
                                await EventSource(gateway, path, token: token, lastID: lastID))
                            var left = cut == 50 ? Int.max : Int.random(in: 0...4000)
                            if cut == 50 { isDone.withLock { $0 = path.contains("run=") } }
                            var goal: UInt64 = 0
                            if cut == 50 { goal = try await everyEvent(service).last(where: isWanted)?.offset ?? 0 }
                            // What there is may have come before the last cut.
                            while left > 0, cut < 50 || got.last?.offset ?? 0 < goal {
                                let messages = try #require(await source.next(limit: &left), "the stream ended")
                                #expect(source.status == 200 || source.status == 0)
                                for message in messages {
                                    got.append(try FermataEvent(jsonString: message.data))
                                    #expect(message.id == "\(got.last!.offset)")
                                }
                            }
                            lastID = source.lastID
                        }
                        let all = try await everyEvent(service).filter(isWanted).prefix(got.count)
                        #expect(got == Array(all), "\(path): \(got.count)")
                        #expect(got.count > 50)
                    }
                    try await writing
                }
            }
        }

        @Test func theServerMayRestart() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let token = try await service.client.send(
                    FermataCreateToken.with {
                        $0.name = "page"
                        $0.scope = .read
                    })
                let run = try await service.launch("") { $0.task = "" }
                try await RunningGateway.run(service) { gateway in
                    // Without an id: from now on.
                    var source = try #require(await EventSource(gateway, token: token.secret))
                    while source.lastID.isEmpty { _ = await source.next() }
                    #expect(source.lastID == "1")
                    service.kill()
                    try await service.start()
                    try await service.pause(run)
                    var got: [EventSource.Message] = []
                    while got.isEmpty { got += try #require(await source.next()) }
                    #expect(try got.map { try FermataEvent(jsonString: $0.data).kindName } == ["held"])
                    // Who may no longer read is told so, and read nothing more.
                    _ = try await service.client.send(FermataRevokeToken.with { $0.id = token.token.id })
                    try await service.resume(run)
                    var rest: [EventSource.Message] = []
                    while let more = await source.next() { rest += more }
                    #expect(rest.map(\.name) == ["error"] && rest[0].data.contains("UNAUTHENTICATED"))
                }
            }
        }

        /// Race: SIGTERM comes while connections are in every state: an open stream, one that nobody reads, a read that
        /// waits, one that is kept alive, one without a request.
        @Test func itEndsCleanlyWhateverClientsDo() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let token = try await service.token(.read)
                let run = try await service.launch("") { $0.task = "" }
                try await service.pause(run)
                // More than the buffers of a socket hold.
                for _ in 0..<8 { try await service.send(run, String(repeating: "long ", count: 200_000)) }
                try await RunningGateway.run(service) { gateway in
                    var source = try #require(await EventSource(gateway, token: token))
                    while source.lastID.isEmpty { _ = await source.next() }
                    func connect(_ method: String, _ path: String, _ body: String = "") async throws -> HTTPConnection {
                        let connection = try #require(HTTPConnection(port: gateway.port))
                        await connection.write(
                            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(gateway.port)\r\n"
                                + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
                                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                        return connection
                    }
                    let unread = try await connect("GET", "/v1/events?after=0")
                    let tooLong = try await connect("POST", "/v1/ReadEvents", #"{"run": "\#(run)"}"#)
                    let waiting = try await connect(
                        "POST", "/v1/GetRun", #"{"run": "\#(run)", "until": ["STOPPED"], "waitMs": 25000}"#)
                    let idle = try await connect("POST", "/v1/Stats", "{}")
                    #expect(await idle.response()?.status == 200)
                    let silent = try #require(HTTPConnection(port: gateway.port))
                    // They were accepted in this order: this one's answer comes when all others are known.
                    #expect(try await gateway.request("GET", "/health").status == 200)
                    let begin = ContinuousClock.now
                    let end = await gateway.terminate()
                    #expect(end.code == 0 && end.errors == "", "\(end)")
                    #expect(.now - begin < .seconds(10))
                    while await source.next() != nil {}
                    for connection in [unread, tooLong, waiting, idle, silent] {
                        while !(await connection.read()).isEmpty {}
                    }
                }
            }
        }

        /// A gateway with few descriptors, so with few connections: who sends half a request, and who asks for more streams
        /// than there are places for, shuts no command out.
        @Test func crowdsLeaveCommandsTheirRoom() async throws {
            try await Service.run(script: "[]") { service, _ in
                let token = try await service.token(.read)
                try await RunningGateway.run(service, descriptors: 128) { gateway in
                    func stats() async throws {
                        #expect(try await gateway.post("Stats", token: token).status == 200)
                    }
                    try await stats()
                    var halves: [HTTPConnection] = []
                    for _ in 0..<200 {
                        let half = try #require(HTTPConnection(port: gateway.port))
                        await half.write("GET /he")
                        halves.append(half)
                    }
                    try await stats()
                    // They were closed for those who came later, but for as many as there are places.
                    for half in halves.prefix(100) { #expect(await half.read().isEmpty) }
                    var streams: [HTTPConnection] = []
                    var (begun, busy) = (0, 0)
                    for _ in 0..<60 {
                        let stream = try #require(HTTPConnection(port: gateway.port))
                        await stream.write(
                            "GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:\(gateway.port)\r\nAuthorization: Bearer \(token)\r\n\r\n"
                        )
                        var text = ""
                        while !text.contains("retry: ") {
                            let piece = await stream.read()
                            if piece.isEmpty { break }
                            text += String(decoding: piece, as: UTF8.self)
                        }
                        #expect(text.hasPrefix("HTTP/1.1 200"), "\(text)")
                        if text.contains("event: busy") { busy += 1 } else { begun += 1 }
                        streams.append(stream)
                    }
                    #expect(begun == 24 && busy == 36, "\(begun) streams, \(busy) are to come back")
                    try await stats()
                    withExtendedLifetime(streams) {}
                }
            }
        }

        @Test func whatCannotBeFollowedIsSaidAtOnce() async throws {
            try await Service.run { service in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    for (path, status, code) in [
                        ("/v1/events?after=x", 400, "INVALID_ARGUMENT"),
                        ("/v1/events?after=-1", 400, "INVALID_ARGUMENT"),
                        ("/v1/events?run=x", 400, "INVALID_ARGUMENT"), ("/v1/events?run=0123", 404, "NO_SUCH_RUN"),
                    ] {
                        let response = try await gateway.request("GET", path, token: token)
                        #expect(response.status == status && response.code == code, "\(path) \(response)")
                    }
                    let posted = try await gateway.request("POST", "/v1/events", token: token)
                    #expect(posted.status == 405 && posted.fields["allow"] == "GET")
                }
            }
        }

        /// Reads the stream as a browser does until it has an event of this run: connects again when a stream ends, and
        /// gives up for ever at any status but 200.
        private func read(_ port: Int, _ token: String, begun: Guarded<Int>, run: Guarded<String>) async -> Int {
            var lastID = ""
            var isCounted = false
            while true {
                guard var source = await EventSource(port: port, token: token, lastID: lastID) else { return 0 }
                while let messages = await source.next() {
                    if source.status != 0, source.status != 200 { return source.status }
                    lastID = source.lastID
                    if !isCounted, !lastID.isEmpty {
                        isCounted = true
                        begun.withLock { $0 += 1 }
                    }
                    let wanted = run.withLock { $0 }
                    if !wanted.isEmpty, messages.contains(where: { $0.data.contains(wanted) }) { return 200 }
                }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }

        /// Several hundred come at once; an EventSource that is answered anything but 200 does not come back.
        @Test(arguments: [0, 80]) func hundredsOfReadersAtOnceAllGetEvents(_ descriptors: Int) async throws {
            func check(_ service: Service) async throws {
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    let begun = Guarded(0)
                    let run = Guarded("")
                    let port = gateway.port
                    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                        for _ in 0..<400 {
                            group.addTask { await read(port, token, begun: begun, run: run) }
                        }
                        for _ in 0..<600 where begun.withLock({ $0 }) < 400 {
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        let id = try await service.launch("") { $0.task = "" }
                        run.withLock { $0 = id }
                        try await service.pause(id)
                        return try await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
                    }
                    #expect(statuses == [200: 400], "\(descriptors): \(statuses)")
                }
            }
            if descriptors > 0 {
                try await Service.run(descriptors: descriptors, script: "[]") { service, _ in try await check(service) }
            } else {
                try await Service.run(script: "[]") { service, _ in try await check(service) }
            }
        }

        /// Who must be turned away is told when to come back, in the way that an EventSource heeds.
        @Test func aReaderThatFindsNoServerIsToldToComeBack() async throws {
            try await Service.run(script: "[]") { service, _ in
                let token = try await service.token(.read)
                try await RunningGateway.run(service) { gateway in
                    service.kill()
                    let response = try await gateway.request("GET", "/v1/events", token: token)
                    #expect(response.status == 200 && response.fields["content-type"] == "text/event-stream")
                    #expect(response.fields["connection"] == "close")
                    let lines = response.body.split(separator: "\n")
                    #expect(lines.count == 3 && lines[1] == "event: busy", "\(lines)")
                    #expect((2000...5000).contains(Int(lines[0].dropFirst("retry: ".count)) ?? 0), "\(lines)")
                    #expect(lines[2].hasPrefix("data: {") && lines[2].contains("UNREACHABLE"), "\(lines)")
                    try await service.start()
                    var source = try #require(await EventSource(gateway, token: token))
                    while source.lastID.isEmpty { _ = try #require(await source.next()) }
                    #expect(source.status == 200)
                }
            }
        }
    }
}
