import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Who may do what: Auth frames, scopes, and the tokens that are answers by themselves.
    @Suite(.timeLimit(.minutes(2))) struct TokenTests {
        private func create(
            _ scope: FermataScope, _ name: String = "tester", expiresAt: Int64 = 0
        ) -> FermataCreateToken {
            .with {
                $0.requestID = UUID().uuidString.lowercased()
                $0.name = name
                $0.scope = scope
                $0.expiresAt = expiresAt
            }
        }

        private func auth(_ token: String) throws -> Frame { try Frame(FermataAuth.with { $0.token = token }) }

        /// All commands of the schema, with empty bodies.
        private let commands = FermataFrameType.allCases.filter {
            (1...255).contains($0.rawValue) && $0 != .auth
        }

        private let reads: Set<FermataFrameType> = [
            .hello, .getRun, .listRuns, .listAsks, .readEvents, .getAgent, .listAgents, .listTools, .getBlob, .getUsage,
            .stats,
            .export,
        ]
        private let administration: Set<FermataFrameType> = [.putAgent, .createToken, .listTokens, .revokeToken]

        @Test func everyCommandHasAScope() async throws {
            try await Service.run { service in
                let wire = try Wire(service)
                let tokens = try await [FermataScope.read, .operate, .admin].asyncMap { scope in
                    try await service.client.send(create(scope)).secret
                }
                for command in commands {
                    let frame = Frame(type: UInt16(command.rawValue), body: [])
                    var allowed: [Bool] = []
                    for token in tokens {
                        let replies = try await wire.send([auth(token), frame])
                        let error = try replies[1].error
                        allowed.append(error.code != "FORBIDDEN")
                        guard error.code == "FORBIDDEN" else { continue }
                        let scope = administration.contains(command) ? "ADMIN" : "OPERATE"
                        #expect(error.details.map(\.value) == [scope], "\(command)")
                    }
                    let expected = reads.contains(command) ? 0 : administration.contains(command) ? 2 : 1
                    #expect(allowed == (0..<3).map { $0 >= expected }, "\(command)")
                    for token in ["", "fac_wrong"] {
                        let replies = try await wire.send([auth(token), frame])
                        #expect(try replies[1].error.code == "UNAUTHENTICATED", "\(command)")
                    }
                }
            }
        }

        @Test func fieldsThatNeedMore() async throws {
            try await Service.run { service in
                let read = service.client.presenting(token: try await service.client.send(create(.read)).secret)
                let operate = service.client.presenting(token: try await service.client.send(create(.operate)).secret)
                _ = try await read.send(FermataListAsks())
                let withTokens = FermataListAsks.with { $0.tokens = true }
                try await service.refused(.forbidden) { _ = try await read.send(withTokens) }
                let run = RunID(microseconds: 1, random: 1).description
                let export = FermataExport.with { $0.run = run }
                try await service.refused(.forbidden) {
                    _ = try await read.send(
                        FermataExport.with {
                            $0.run = export.run
                            $0.handoff = true
                        })
                }
                let resume = FermataResume.with { $0.run = run }
                try await service.refused(.noSuchRun) { _ = try await operate.send(resume) }
                var elsewhere = resume
                elsewhere.baseURL = "http://127.0.0.1:1/v1"
                let command = elsewhere
                try await service.refused(.forbidden) { _ = try await operate.send(command) }
            }
        }

        @Test func aTokenIsValidUntilItIsRevokedOrExpires() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let command = create(.operate, "ci")
                let first = try await service.client.send(command)
                #expect(first.secret.hasPrefix("fac_") && first.token.name == "ci" && first.token.scope == .operate)
                #expect(first.token.by == "uid:\(getuid())")
                // A repeat gets the same, also from another process.
                service.kill()
                try await service.start()
                #expect(try await service.client.send(command) == first)
                // What it does it does in its name.
                let holder = service.client.presenting(token: first.secret)
                let run = try await holder.send(FermataLaunch()).run.id
                _ = try await holder.send(FermataPause.with { $0.run = run })
                #expect(try await service.summary(run).hold.by == "token:ci")
                let wire = try Wire(service)
                let reply = try await wire.send([auth(first.secret)])
                #expect(
                    try FermataAuthReply(serializedBytes: reply[0].body)
                        == .with {
                            $0.scope = .operate
                            $0.name = "ci"
                        })
                // Revoked by a frame of its own message, it is worth nothing in the next.
                let admin = try await service.client.send(create(.admin))
                let revoke = FermataRevokeToken.with {
                    $0.requestID = UUID().uuidString
                    $0.id = admin.token.id
                }
                let replies = try await wire.send([
                    auth(admin.secret), Frame(revoke), Frame(FermataStats()), Frame(FermataHello()),
                ])
                #expect(try replies.map { try $0.error.code } == ["", "", "UNAUTHENTICATED", "UNAUTHENTICATED"])
                let end = FermataRevokeToken.with { $0.id = first.token.id }
                let ended = try await service.client.send(end)
                #expect(ended.changed && ended.token.revokedAt > 0)
                #expect(try await service.client.send(end).changed == false)
                try await service.refused(.unauthenticated) { _ = try await holder.send(FermataStats()) }
                service.kill()
                try await service.start()
                try await service.refused(.unauthenticated) { _ = try await holder.send(FermataStats()) }
                try await service.refused(.noSuchToken) {
                    _ = try await service.client.send(FermataRevokeToken.with { $0.id = "nobody" })
                }
                for time in [Int64.max, 1 << 53 + 1, 1, .min] {
                    try await service.refused(.invalidArgument) {
                        _ = try await service.client.send(create(.read, expiresAt: time))
                    }
                }
                // Expired it is as nothing; the frames after it fail with it until another message begins.
                let soon = Int64(Date().timeIntervalSince1970 * 1_000_000) + 1_500_000
                let brief = try await service.client.send(create(.read, expiresAt: soon)).secret
                let client = service.client.presenting(token: brief)
                _ = try await client.send(FermataStats())
                var code = ""
                while code.isEmpty {
                    // The event that is waited for is a time: it is asked until it has come.
                    do { _ = try await client.send(FermataStats()) } catch { code = "\(error)" }
                }
                #expect(code.contains("UNAUTHENTICATED") && Int64(Date().timeIntervalSince1970 * 1_000_000) >= soon)
                let list = try await service.client.send(FermataListTokens())
                #expect(list.tokens.map(\.name) == ["ci", "tester", "tester"] && list.next.isEmpty)
                #expect(try await pages(service) == list.tokens)
                #expect(try await service.client.send(FermataStats()).instance.isEmpty == false)
            }
        }

        private func pages(_ service: Service) async throws -> [FermataToken] {
            var found: [FermataToken] = []
            var list = FermataListTokens.with { $0.limit = 1 }
            repeat {
                let page = try await service.client.send(list)
                #expect(page.tokens.count <= 1)
                found += page.tokens
                list.after = page.next
            } while !list.after.isEmpty
            return found
        }

        @Test func whatIsWrongIsSaid() async throws {
            try await Service.run { service in
                for wrong in [
                    create(.read, ""), create(.read, "a b"), create(.unspecified), create(.read, expiresAt: 1),
                    create(.read, expiresAt: -1),
                ] {
                    try await service.refused(.invalidArgument) { _ = try await service.client.send(wrong) }
                }
                let command = create(.read)
                let secret = try await service.client.send(command).secret
                var other = command
                other.scope = .admin
                let conflicting = other
                try await service.refused(.conflict) { _ = try await service.client.send(conflicting) }
                // Every other secret is none: other characters, other lengths, another prefix, what a database has.
                let wire = try Wire(service)
                var wrong = [
                    String(secret.dropLast()), secret + "A", "frt_" + secret.dropFirst(4), secret.uppercased(),
                ]
                for index in secret.indices where index >= secret.index(secret.startIndex, offsetBy: 4) {
                    var text = secret
                    text.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
                    wrong.append(text)
                }
                for token in wrong {
                    let replies = try await wire.send([auth(token), Frame(FermataStats())])
                    #expect(try replies.map { try $0.error.code } == ["UNAUTHENTICATED", "UNAUTHENTICATED"])
                }
                // An Auth frame that is not the first changes nothing.
                let replies = try await wire.send([Frame(FermataStats()), auth(secret), Frame(FermataListTokens())])
                #expect(try replies.map { try $0.error.code } == ["", "INVALID_ARGUMENT", ""])
                let store = try String(
                    decoding: Data(contentsOf: URL(fileURLWithPath: service.directory + "/fermata.db")), as: UTF8.self)
                #expect(!store.contains(secret))
            }
        }

        @Test func overTcpEveryMessageBeginsWithAToken() async throws {
            let url = "tcp://127.0.0.1:\(try freePort())"
            let key = ["LLM_API_KEY": "test-key-1"]
            try await Service.run(environment: key, arguments: ["--control", url]) { service in
                #expect(service.serverLog.contains("plain tcp is not encrypted"))
                let secret = try await service.client.send(create(.operate)).secret
                let nobody = Client(controlURL: url)
                try await service.refused(.unauthenticated) { _ = try await nobody.send(FermataHello()) }
                try await service.refused(.unauthenticated) { _ = try await nobody.send(FermataListTokens()) }
                let holder = Client(controlURL: url, token: secret)
                let run = try await holder.send(FermataLaunch.with { $0.model = "openai/mock" }).run.id
                // A read that waits is alone in its message though Auth is before it.
                async let waiting = holder.send(
                    FermataGetRun.with {
                        $0.run = run
                        $0.until = [.paused]
                        $0.waitMs = 20_000
                    })
                let token = try await service.client.send(
                    FermataPause.with {
                        $0.run = run
                        $0.resumeToken = true
                    }
                ).resumeToken
                #expect(try await waiting.matched)
                // The token of a hold lifts it without another, and does nothing else.
                for more in [
                    { $0.text = "and do this" }, { $0.model = "openai/other" }, { $0.run = run },
                ] as [(inout FermataResume) -> Void] {
                    var resume = FermataResume.with { $0.token = token }
                    more(&resume)
                    let command = resume
                    try await service.refused(.unauthenticated) { _ = try await nobody.send(command) }
                }
                let resume = FermataResume.with { $0.run = run }
                try await service.refused(.unauthenticated) { _ = try await nobody.send(resume) }
                try await service.refused(.invalidToken) {
                    _ = try await nobody.send(FermataResume.with { $0.token = "frt_nothing" })
                }
                #expect(try await nobody.send(FermataResume.with { $0.token = token }).run.status == .idle)
                // The command line.
                func cli(_ environment: [String: String], _ arguments: String...) async throws -> (Int32, String) {
                    let result = try await Service.cli(
                        arguments + ["--control", url], directory: service.directory, environment: environment)
                    return (result.code, result.output + result.errors)
                }
                let refused = try await cli([:], "list")
                #expect(refused.0 == 1 && refused.1.contains("UNAUTHENTICATED") && refused.1.contains("FERMATA_TOKEN"))
                #expect(try await cli(["FERMATA_TOKEN": secret], "list").1.contains(run.prefix(8)))
                let file = service.directory + "/a.token"
                try (secret + "\n").write(toFile: file, atomically: true, encoding: .utf8)
                #expect(try await cli(["FERMATA_TOKEN": "fac_wrong"], "list", "--token-file", file).0 == 0)
                #expect(try await cli(["FERMATA_TOKEN_FILE": file], "list").0 == 0)
                let forbidden = try await cli(["FERMATA_TOKEN": secret], "token", "list")
                #expect(forbidden.0 == 1 && forbidden.1.contains("ADMIN"))
            }
        }

        @Test func theCommandLineMakesListsAndRevokesThem() async throws {
            try await Service.run { service in
                let made = try await service.cli("token", "create", "ci", "--scope", "operate", "--expires", "30d")
                #expect(made.code == 0 && made.output.hasPrefix("fac_") && made.output.hasSuffix("\n"))
                let list = try await service.cli("token", "list")
                #expect(list.output.contains("OPERATE") && list.output.contains("ci") && list.output.contains("tester"))
                #expect(!list.output.contains("fac_"))
                let id = String(list.output.prefix(36))
                #expect(try await service.cli("token", "revoke", id).output.contains("revoked"))
                #expect(try await service.cli("token", "list").output.contains("revoked"))
                let json = try await service.cli("token", "list", "--json")
                #expect(try FermataToken(jsonString: json.output).revokedAt > 0)
                #expect(try await service.cli("token", "create", "ci", "--scope", "all").code == 64)
                #expect(try await service.cli("token", "create", "ci", "--scope", "READ", "--expires", "x").code == 64)
                let check = try await service.cli("check", "--json")
                #expect(check.code == 0 && check.output.contains("\"tokens\":1"), "\(check.output)")
            }
        }

        /// A port of the loopback interface that nobody has at the moment.
        private func freePort() throws -> UInt16 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
                }
            }
            guard result == 0 else { throw CocoaError(.featureUnsupported) }
            return UInt16(bigEndian: address.sin_port)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var result: [T] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}
