import FermataClient
import FermataProtocol
import Foundation
import SQLite
import Testing

/// What the chain of events knows nothing of is not lost without a word either; and whatever stands at the places of a
/// server's files is named, and not waited for.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(3))) struct LostCommitTests {
        enum Command: CaseIterable {
            case revokeToken, createToken, putAgent, registerTools, pauseAgain
        }

        private func requestID() -> String { UUID().uuidString.lowercased() }

        private func createToken(_ service: Service) async throws -> FermataCreateTokenReply {
            let create = FermataCreateToken.with {
                $0.requestID = requestID()
                $0.name = "ci"
                $0.scope = .admin
            }
            return try await service.client.send(create)
        }

        /// Gives a command that makes no event.
        private func give(_ command: Command, _ service: Service, _ run: String, token: String) async throws {
            let id = requestID()
            switch command {
            case .revokeToken:
                let revoke = FermataRevokeToken.with {
                    $0.requestID = id
                    $0.id = token
                }
                #expect(try await service.client.send(revoke).changed)
            case .createToken: _ = try await createToken(service)
            case .putAgent:
                let put = FermataPutAgent.with {
                    $0.requestID = id
                    $0.agent.name = "ci"
                    $0.agent.model = "mock/none"
                }
                #expect(try await service.client.send(put).changed)
            case .registerTools:
                let register = FermataRegisterTools.with {
                    $0.requestID = id
                    $0.worker = "w"
                    $0.tools = [
                        .with {
                            $0.name = "search"
                            $0.description_p = "Searches."
                            $0.parameters = #"{"type": "object"}"#
                        }
                    ]
                }
                #expect(try await service.client.send(register).changed)
            case .pauseAgain:
                let pause = FermataPause.with {
                    $0.requestID = id
                    $0.run = run
                }
                #expect(try await service.client.send(pause).changed == false)
            }
        }

        /// The end of the last frame that belongs to the log: behind it there may be older ones.
        private func endOfLog(_ bytes: Data) -> Int {
            let salts = bytes[16..<24]
            var end = 32
            while end + 24 + 4096 <= bytes.count, bytes[end + 8..<end + 16].elementsEqual(salts) { end += 24 + 4096 }
            return end
        }

        private func damage(_ service: Service, _ deed: String) throws {
            let log = service.store + "-wal"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: log))
            let place = endOfLog(bytes) - 100
            if deed == "cut" { bytes = bytes.prefix(place) } else { bytes[place] ^= 1 }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            defer { try? file.close() }
            try file.write(contentsOf: bytes)
            try file.truncate(atOffset: UInt64(bytes.count))
        }

        /// A reader in the middle of a transaction: the log keeps what is committed from here on.
        private func reader(_ service: Service) throws -> Database {
            let database = try Database(path: service.store, access: .readOnly, busyTimeout: 10_000, pages: .sealed)
            try database.setCheckpointsOnClose(false)
            try database.begin(.deferred)
            _ = try database.pragma("user_version")
            return database
        }

        /// The last bytes of the log are damaged after a kill: an ADMIN token that was revoked is not valid again.
        @Test(arguments: Command.allCases, ["flipped", "cut"])
        func aLostCommandWithoutEventsIsRefusedWithBothNumbers(
            _ command: Command, _ deed: String
        ) async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                let token = try await createToken(service)
                let reader = try reader(service)
                let last = try await service.client.send(FermataStats()).lastOffset
                try await give(command, service, run, token: token.token.id)
                service.kill()
                reader.close()
                try damage(service, deed)

                let check = try await service.cli("check")
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(check.code == 1)
                for text in [check.output, ended?.log ?? ""] {
                    let match = text.firstMatch(
                        of: #/commits without events [^:]* are (\d+), and were known to be (\d+)/#)
                    let numbers = try #require(match, "\(text)")
                    #expect(Int(numbers.2) == Int(numbers.1).map { $0 + 1 }, "\(text)")
                    #expect(text.contains("fermata accept \(last)"), "\(text)")
                }
                #expect(try await service.cli("accept", String(last)).code == 0)
                try await service.start()
                try await service.check()
            }
        }

        /// Without damage the same is there after a kill.
        @Test func aRevokedTokenStaysRevoked() async throws {
            try await Service.run { service in
                let token = try await createToken(service)
                try await give(.revokeToken, service, "", token: token.token.id)
                for isKilled in [true, false] {
                    if isKilled { service.kill() } else { #expect(await service.terminate() == 0) }
                    #expect(try await service.cli("check").code == 0)
                    try await service.start()
                    let wire = try Wire(service)
                    let auth = try Frame(FermataAuth.with { $0.token = token.secret })
                    let replies = try await wire.send([auth, Frame(FermataStats())])
                    #expect(try replies[1].error.code == "UNAUTHENTICATED")
                }
            }
        }

        // MARK: - What stands at the places of files

        @Test(arguments: ["fermata.db.mark", "fermata.db.lock", "clock"], ["a pipe", "a directory"])
        func whatIsNoRegularFileIsNamed(_ name: String, _ kind: String) async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                #expect(await service.terminate() == 0)
                let file = service.directory + "/" + name
                unlink(file)
                #expect((kind == "a pipe" ? mkfifo(file, 0o600) : mkdir(file, 0o700)) == 0)
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                let log = ended?.log ?? ""
                #expect(log.contains(file) && log.contains("is \(kind)"), "\(log)")
                let check = try await service.cli("check")
                if name == "clock" {
                    #expect(check.code == 0, "\(check.errors)")
                } else {
                    #expect(check.code == 1 && check.errors.contains("\(file) is \(kind)"), "\(check.errors)")
                }
                rmdir(file)
                unlink(file)
                try await service.start()
                #expect(try await service.summary(run).status == .paused)
            }
        }

        /// The clock's file is written while the server runs: a pipe in its place does not hold the loop.
        @Test func aPipeInThePlaceOfTheClockHoldsNoRunningServer() async throws {
            try await Service.run { service in
                let clock = service.directory + "/clock"
                unlink(clock)
                #expect(mkfifo(clock, 0o600) == 0)
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                // An orderly end writes it last.
                #expect(await service.terminate() == 0)
            }
        }

        @Test(arguments: [("", "is empty"), ("mine\n", "is no mark of a store"), ("FrmtMrk2", "is damaged")])
        func aMarkThatSaysNothingIsNamedAsWhatItIs(_ content: String, _ what: String) async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                service.kill()
                try Data(content.utf8).write(to: URL(fileURLWithPath: service.store + ".mark"))
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                let check = try await service.cli("check")
                #expect(check.code == 1)
                for text in [check.output, ended?.log ?? ""] {
                    #expect(text.contains("its mark \(service.store).mark \(what)"), "\(text)")
                    #expect(!text.contains("is missing"), "\(text)")
                }
            }
        }

        // MARK: - Copies

        /// What a killed server left is not written over: its log would be read together with the copy.
        @Test func aBackupOntoTheStoreOfAServerThatWasKilledIsRefused() async throws {
            try await Service.run { service in
                _ = try await service.launch("") { $0.model = "mock/none" }
                try await service.besideAnother { other in
                    let run = try await other.launch("") { $0.model = "mock/none" }
                    try await other.pause(run)
                    let last = try await other.client.send(FermataStats()).lastOffset
                    let elsewhere = other.directory + "/elsewhere"
                    try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
                    let link = elsewhere + "/link.db"
                    #expect(symlink(other.store, link) == 0)
                    func expectRefused(beside suffix: String) async throws {
                        let store = try Data(contentsOf: URL(fileURLWithPath: other.store))
                        for target in [other.store, link] {
                            let backup = try await service.cli("backup", "--force", target)
                            #expect(
                                backup.code == 1 && backup.errors.contains("\(other.store)\(suffix) is beside it"),
                                "\(backup.errors)")
                        }
                        #expect(try Data(contentsOf: URL(fileURLWithPath: other.store)) == store)
                    }
                    other.kill()
                    try await expectRefused(beside: "-wal")
                    try await other.start()
                    #expect(try await other.client.send(FermataStats()).lastOffset >= last)
                    #expect(try await other.summary(run).status == .paused)
                    // Its mark stays, and knows nothing of a copy.
                    #expect(await other.terminate() == 0)
                    try await expectRefused(beside: ".mark")
                    // Once everything of it is gone the place is free.
                    for suffix in ["-wal", "-shm", ".mark", ".lock"] { unlink(other.store + suffix) }
                    let backup = try await service.cli("backup", "--force", other.store)
                    #expect(backup.code == 0, "\(backup.errors)")
                    try await other.start()
                }
            }
        }
    }
}
