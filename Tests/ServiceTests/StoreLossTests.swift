import FermataClient
import FermataProtocol
import Foundation
import Testing

/// The files of a running server, and of one between two starts: what happens to them is named, and nothing that was
/// acknowledged is lost without a word.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(3))) struct StoreLossTests {
        private func finished(_ service: Service) async throws -> String {
            let run = try await service.launch("") { $0.model = "mock/none" }
            try await service.pause(run)
            return run
        }

        /// - Returns: whether the command was acknowledged.
        private func isAcknowledged(_ service: Service) async -> Bool {
            let launch = FermataLaunch.with {
                $0.requestID = UUID().uuidString.lowercased()
                $0.task = "later"
                $0.model = "mock/none"
            }
            return (try? await service.client.send(launch, timeout: .seconds(2))) != nil
        }

        @Test(
            arguments: ["fermata.db", "fermata.db-wal"],
            ["gone", "replaced", "cut", "emptied", "linked", "symlinked"])
        func whatIsDoneToARunningServersFilesEndsItBeforeItAcknowledgesAnything(
            _ name: String, _ deed: String
        ) async throws {
            try await Service.run { service in
                _ = try await finished(service)
                let file = service.directory + "/" + name
                switch deed {
                case "gone": unlink(file)
                case "replaced":
                    try FileManager.default.copyItem(atPath: file, toPath: file + ".new")
                    #expect(rename(file + ".new", file) == 0)
                case "cut":
                    let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
                    #expect(truncate(file, off_t(size / 2)) == 0)
                case "emptied": #expect(truncate(file, 0) == 0)
                case "symlinked":
                    #expect(rename(file, file + ".moved") == 0 && symlink(file + ".moved", file) == 0)
                default: #expect(link(file, service.directory + "/name") == 0)
                }
                #expect(await isAcknowledged(service) == false)
                #expect(await service.process.exitCode() == 70)
                #expect(service.serverLog.contains("nothing is acknowledged any more"))
                #expect(service.serverLog.contains(name))
            }
        }

        /// The index of the log is memory of the server's, which goes away with the file's end.
        @Test func anIndexThatIsCutEndsTheServer() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                #expect(truncate(service.store + "-shm", 0) == 0)
                #expect(await isAcknowledged(service) == false)
                #expect(await service.process.exitCode() == 70)
                #expect(service.serverLog.contains("nothing is acknowledged any more"))
                try await service.start()
                _ = try await finished(service)
            }
        }

        /// An older copy that is put back beside the running server, in the same files: nothing is acknowledged on top of
        /// it, nobody is told of a shorter past, and the next start has all that was acknowledged.
        @Test func anOlderIndexThatIsWrittenIntoTheFilesEndsTheServer() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                let old = try Data(contentsOf: URL(fileURLWithPath: service.store + "-shm"))
                for _ in 0..<20 { _ = try await finished(service) }
                let file = try #require(FileHandle(forWritingAtPath: service.store + "-shm"))
                try file.write(contentsOf: old)
                try file.close()
                #expect(await isAcknowledged(service) == false)
                #expect(await service.process.exitCode() == 70)
                #expect(service.serverLog.contains("the files of the running store were changed from outside"))
                try await service.start()
                #expect(try await service.client.send(FermataListRuns.with { $0.limit = 100 }).runs.count == 21)
            }
        }

        /// A copy has no mark, and so would be whole by all that it says.
        @Test func aStoreThatHasLostSomethingHasNoBackup() async throws {
            try await Service.run { service in
                for _ in 0..<3 { _ = try await finished(service) }
                service.kill()
                try FileManager.default.removeItem(atPath: service.store + "-wal")
                let copy = service.directory + "/copy.db"
                let (code, _, errors) = try await service.cli("backup", copy)
                #expect(code == 1 && errors.contains("fermata accept"), "\(errors)")
                #expect(!FileManager.default.fileExists(atPath: copy))
            }
        }

        /// Nobody asks anything: the server looks by itself.
        @Test func aServerThatIsAskedNothingLooksAtItsFilesEachSecond() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                unlink(service.store)
                #expect(await service.process.exitCode() == 70)
                #expect(service.serverLog.contains("fermata.db is gone"))
                // Its log and its mark are there: that is no place for a new store.
                await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(service.serverLog.contains("the store's file is missing or empty"))
            }
        }

        @Test func aStoreWithoutItsLogIsRefusedWithBothNumbersUntilSomebodyAcceptsIt() async throws {
            try await Service.run { service in
                let run = try await finished(service)
                try await service.ticks(3)
                try await service.queue(50, in: run)
                let last = try await service.client.send(FermataStats()).lastOffset
                service.kill()
                unlink(service.store + "-wal")
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                let log = ended?.log ?? ""
                let match = try #require(
                    log.firstMatch(of: #/ends at event (\d+), and was known to reach event (\d+)/#))
                #expect(match.2 == String(last))
                let check = try await service.cli("check")
                #expect(check.code == 1 && check.output.contains("was known to reach event \(last)"))
                let wrong = try await service.cli("accept", String(last))
                #expect(wrong.code == 1)
                let accepted = try await service.cli("accept", String(match.1))
                #expect(accepted.code == 0, "\(accepted.output)")
                try await service.start()
                #expect(try await service.client.send(FermataStats()).lastOffset >= UInt64(match.1)!)
            }
        }

        /// A mark is made when there is a store: an empty one tells as much as a whole one.
        @Test(arguments: [true, false]) func aStoreThatWasEmptiedWithAllBesideItIsNoNewOne(_ isEnded: Bool) async throws
        {
            try await Service.run { service in
                _ = try await finished(service)
                if isEnded { #expect(await service.terminate() == 0) } else { service.kill() }
                for suffix in ["", "-wal", ".mark"] { truncate(service.store + suffix, 0) }
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(
                    ended?.log.contains("its mark is there and says nothing any more") == true, "\(ended?.log ?? "")")
                #expect(try await service.cli("check").code == 1)
                // As the message says.
                unlink(service.store + "-wal")
                unlink(service.store + ".mark")
                let gone = await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(gone?.log.contains("fermata.db is gone, and a server has worked here") == true)
                unlink(service.directory + "/token.key")
                try await service.start()
                #expect(try await service.client.send(FermataStats()).lastOffset == 0)
            }
        }

        /// No file of it is left to tell, or only those that tell nothing: the server's key does.
        @Test(arguments: ["all", "empty WAL", "emptied"]) func aStoreOfWhichAllIsGoneIsNoNewOne(_ how: String)
            async throws
        {
            try await Service.run { service in
                _ = try await finished(service)
                #expect(await service.terminate() == 0)
                // An orderly end has left an empty WAL.
                let gone =
                    how == "all"
                    ? ["", "-wal", "-shm", ".mark", ".lock"] : how == "emptied" ? [".mark"] : ["", ".mark"]
                for suffix in gone { unlink(service.store + suffix) }
                if how == "emptied" { truncate(service.store, 0) }
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(
                    ended?.log.contains("fermata.db is gone, and a server has worked here") == true,
                    "\(ended?.log ?? "")")
            }
        }

        /// Half of a mark may have been the newer half.
        @Test func aMarkThatHasLostAHalfIsNamed() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                service.kill()
                let mark = URL(fileURLWithPath: service.store + ".mark")
                let whole = try Data(contentsOf: mark)
                #expect(whole.count == 616)
                for damage in [0, 1, 2] {
                    var content = whole
                    if damage == 2 { content = content.prefix(300) } else { content[damage * 512 + 40] ^= 4 }
                    try content.write(to: mark)
                    let check = try await service.cli("check")
                    // What is left may be behind the store: that is no problem of its own.
                    #expect(check.code == 1 && check.output.contains("mark"), "\(damage): \(check)")
                }
                try whole.write(to: mark)
                #expect(try await service.cli("check").code == 0)
                var content = whole
                content[40] ^= 4
                try content.write(to: mark)
                try await service.start()
                #expect(service.serverLog.contains("half of the store's mark"))
            }
        }

        /// Another server's key would turn away all tokens that were given, and tell none again.
        @Test func anothersKeyOfTokensIsNamed() async throws {
            try await Service.run { service in
                let create = FermataCreateToken.with {
                    ($0.requestID, $0.name, $0.scope) = (UUID().uuidString.lowercased(), "n", .read)
                }
                let first = try await service.client.send(create)
                #expect(await service.terminate() == 0)
                try #require(unlink(service.directory + "/token.key") == 0)
                try await service.start()
                #expect(await service.terminate() == 0)
                try await service.start()
                #expect(service.serverLog.contains("is not the key"))
                // Its secret is not made up: the token that it was stays.
                let again = try await service.client.send(create)
                #expect(again.token == first.token && again.secret.isEmpty)
            }
        }

        @Test func afterAnOrderlyEndTheFileAloneIsTheStore() async throws {
            try await Service.run { service in
                let run = try await finished(service)
                try await service.queue(50, in: run)
                let events = try await service.events(run)
                #expect(await service.terminate() == 0)
                let size = try FileManager.default.attributesOfItem(atPath: service.store + "-wal")[.size] as? Int
                #expect(size == 0)
                for suffix in ["-wal", "-shm", ".mark", ".lock"] { unlink(service.store + suffix) }
                let check = try await service.cli("check")
                #expect(check.code == 0, "\(check.output)")
                try await service.start()
                #expect(try await service.events(run) == events)
            }
        }

        /// A copy of an ended store needs no mark; where a server has worked, its loss gets a word.
        @Test func aLostMarkIsNamed() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                #expect(await service.terminate() == 0)
                try #require(unlink(service.store + ".mark") == 0)
                try await service.start()
                #expect(service.serverLog.contains("the store has no mark beside it"))
            }
        }

        /// Tokens that were given are worth nothing without their key: that is said, and what is damaged is refused.
        @Test func aLostKeyOfTokensIsNamed() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                #expect(await service.terminate() == 0)
                try #require(unlink(service.directory + "/token.key") == 0)
                try await service.start()
                #expect(service.serverLog.contains("there was no token.key where this store has been used"))
                #expect(await service.terminate() == 0)
                let key = URL(fileURLWithPath: service.directory + "/token.key")
                var content = try Data(contentsOf: key)
                content[0] ^= 1
                try content.write(to: key)
                let ended = await #expect(throws: Service.Ended.self) { try await service.start() }
                #expect(ended?.log.contains("token.key is damaged") == true, "\(ended?.log ?? "")")
            }
        }

        /// Whatever is at the place and is no copy of a store stays; and so does the store of another server.
        @Test func aBackupReplacesNothingButCopies() async throws {
            try await Service.run { service in
                _ = try await finished(service)
                let files = try FileManager.default.contentsOfDirectory(atPath: service.directory)
                #expect(files.contains("token.key") && files.contains("clock"))
                for name in files + ["fermata.db-journal", "fermata.db.reserve", "."] {
                    let backup = try await service.cli("backup", "--force", service.directory + "/" + name)
                    #expect(backup.code != 0, "\(name): \(backup.output)")
                }
                let check = try await service.cli("check")
                #expect(check.code == 0, "\(check.output)")
                service.kill()
                try await service.start()
                let copy = service.directory + "/copy.db"
                for _ in 1...2 { #expect(try await service.cli("backup", "--force", copy).code == 0) }
                try await Service.run { other in
                    _ = try await finished(other)
                    let backup = try await service.cli("backup", "--force", other.store)
                    #expect(backup.code == 1 && backup.errors.contains("a server has this store"), "\(backup.errors)")
                    _ = try await finished(other)
                }
            }
        }

        @Test(arguments: ["", "-wal", ".mark", "link", "again", "other/../fermata.db"])
        func aBackupOntoTheStoreItselfIsRefused(_ target: String) async throws {
            try await Service.run { service in
                let run = try await finished(service)
                var file = service.store + target
                if target == "link" { #expect(symlink(service.store, file) == 0) }
                if target == "again" {
                    // Another directory's name for the same file.
                    #expect(symlink(service.directory, service.directory + "/again") == 0)
                    file = service.directory + "/again/fermata.db"
                }
                if target.hasPrefix("other") {
                    try FileManager.default.createDirectory(
                        atPath: service.directory + "/other", withIntermediateDirectories: false)
                    file = service.directory + "/" + target
                }
                let backup = try await service.cli("backup", "--force", file)
                #expect(
                    backup.code == 1
                        && (backup.errors.contains("this is the store's own file")
                            || backup.errors.contains("store's own files")),
                    "\(backup.errors)")
                try await service.queue(5, in: run)
                let check = try await service.cli("check")
                #expect(check.code == 0, "\(check.output)")
            }
        }

        /// What another server works with is no place for a copy either.
        @Test(arguments: ["-wal", "-shm", ".mark", ".lock", ".reserve"])
        func aBackupOntoTheFilesOfAnotherStoreIsRefused(_ suffix: String) async throws {
            try await Service.run { service in
                try await service.besideAnother { other in
                    let run = try await finished(other)
                    let backup = try await service.cli("backup", "--force", other.store + suffix)
                    #expect(backup.code == 1 && backup.errors.contains("the store beside it"), "\(backup.errors)")
                    let key = try await service.cli("backup", "--force", other.directory + "/token.key")
                    #expect(
                        key.code == 1 && key.errors.contains("a name of the server that has the store"), "\(key.errors)"
                    )
                    try await other.queue(5, in: run)
                    try await other.check()
                }
            }
        }

        /// The log has all pages that the file has lost: the store is whole, and says so itself again.
        @Test func aFileThatLostWhatTheLogHasIsWholeAgain() async throws {
            try await Service.run { service in
                let run = try await finished(service)
                service.kill()
                let size = try FileManager.default.attributesOfItem(atPath: service.store)[.size] as? Int ?? 0
                #expect(truncate(service.store, off_t(size / 2)) == 0)
                #expect(try await service.cli("check").code == 0)
                try await service.start()
                try await service.queue(3, in: run)
                try await service.ticks(3)
                #expect(try await service.client.send(FermataGetRun.with { $0.run = run }).run.status == .paused)
                try await service.check()
            }
        }

        /// A disk of 24 MiB, which the log alone filled before: nearly all of it holds what is said, commands are refused
        /// when it is full, and with a little room everything goes on.
        @Test(.enabled(if: geteuid() == 0, "only the superuser mounts a small disk"))
        func aSmallDiskIsFullOfTheStoreAndNotOfItsLog() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try await mount("tmpfs", "-t", "tmpfs", "-o", "size=24m", "none", directory)
            defer { _ = umount2(directory, Int32(MNT_DETACH)) }
            let service = Service(directory: directory, environment: [:], arguments: [])
            defer { service.kill() }
            try await service.start()
            let run = try await finished(service)
            let text = String(repeating: "0123456789abcdef", count: 64)
            var bytes = 0
            while bytes < 32 << 20 {
                do {
                    try await service.send(run, text, .whenIdle)
                    bytes += text.utf8.count
                } catch ClientError.refused(let error) {
                    #expect(error.code == "STORE_FULL")
                    break
                }
            }
            print("24 MiB were full after \(bytes >> 10) KiB of text")
            #expect(bytes > 5 << 20)
            #expect(service.process.isRunning)
            let last = try await service.client.send(FermataStats()).lastOffset
            #expect(await service.terminate() == 0)
            try await service.start()
            #expect(try await service.client.send(FermataStats()).lastOffset >= last)
            let check = try await service.cli("check")
            #expect(check.code == 0, "\(check.output)")
        }

        private func mount(_ what: String, _ arguments: String...) async throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/mount")
            process.arguments = arguments
            try process.run()
            #expect(await process.exitCode() == 0, "\(what)")
        }
    }
}
