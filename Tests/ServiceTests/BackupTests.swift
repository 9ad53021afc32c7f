import FermataProtocol
import Foundation
import Testing

/// `fermata backup` beside a server that goes on writing.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct BackupTests {
        /// Race: commits come before, between and after the pages that are copied.
        @Test func aCopyMadeWhileTheServerWritesIsAStore() async throws {
            try await Service.run(script: #"[{"match": "", "text": "Done."}]"#) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .finished)
                try await service.pause(try await service.launch(""))
                let copies = (1...3).map { "\(service.directory)/copy\($0).db" }
                let writing = Task {
                    while !Task.isCancelled { _ = try await service.launch("more") }
                }
                for copy in copies {
                    let (code, output, errors) = try await service.cli("backup", copy)
                    #expect(code == 0, "\(errors)")
                    #expect(output.contains("runs"))
                }
                writing.cancel()
                _ = await writing.result
                var counts: [Int] = []
                for copy in copies {
                    let attributes = try FileManager.default.attributesOfItem(atPath: copy)
                    #expect(attributes[.posixPermissions] as? Int == 0o600)
                    #expect(try await service.cli("check", copy).code == 0)
                    #expect(!FileManager.default.fileExists(atPath: copy + "-wal"))
                    let folder = try Service.temporaryDirectory()
                    defer { try? FileManager.default.removeItem(atPath: folder) }
                    try FileManager.default.copyItem(atPath: copy, toPath: folder + "/fermata.db")
                    let second = Service(directory: folder, environment: [:], arguments: [])
                    defer { second.kill() }
                    try await second.start()
                    #expect(try await second.summary(run).lastMessage == "Done.")
                    _ = try await second.launch("") { $0.model = "mock/none" }
                    counts.append(Int(try second.query("SELECT count(*) FROM runs")[0]) ?? 0)
                }
                #expect(counts == counts.sorted() && counts[0] >= 3)
                let left = try FileManager.default.contentsOfDirectory(atPath: service.directory)
                #expect(left.allSatisfy { !$0.hasPrefix(".copy") }, "\(left)")
            }
        }

        @Test func aFileThatIsThereStaysUnlessToldOtherwise() async throws {
            try await Service.run { service in
                _ = try await service.launch("") { $0.model = "mock/none" }
                // Beside the store only copies are replaced.
                let elsewhere = service.directory + "/elsewhere"
                try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
                let copy = elsewhere + "/copy.db"
                try Data("mine".utf8).write(to: URL(filePath: copy))
                let refused = try await service.cli("backup", copy)
                #expect(refused.code == 1 && refused.errors.contains("there is a file already"))
                #expect(try Data(contentsOf: URL(filePath: copy)) == Data("mine".utf8))
                #expect(try await service.cli("backup", "--force", copy).code == 0)
                #expect(try await service.cli("check", copy).code == 0)
                // Reading a pipe would wait for ever, and no device is replaced by a file.
                let pipe = elsewhere + "/pipe"
                try #require(mkfifo(pipe, 0o600) == 0)
                for place in [pipe, "/dev/null", elsewhere] {
                    let none = try await service.cli("backup", "--force", place)
                    #expect(none.code == 1 && none.errors.contains("this is no file"), "\(place): \(none.errors)")
                }
                // What a server has not made yet it would find taken.
                let taken = try await service.cli("backup", service.directory + "/workspaces")
                #expect(taken.code == 1 && taken.errors.contains("a name of the server"), "\(taken)")
                let nowhere = try await service.cli("backup", service.directory + "/none/copy.db")
                #expect(nowhere.code == 1 && nowhere.errors.contains("No such file or directory"))
            }
        }

        /// A copy that would be no store is none: what is wrong is named, and the file does not appear.
        @Test func aDamagedStoreHasNoCopy() async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                service.kill()
                try service.change("DELETE FROM events WHERE seq = 1")
                let copy = service.directory + "/copy.db"
                let (code, output, errors) = try await service.cli("backup", copy)
                #expect(code == 1 && output.contains("event 1: it is missing"), "\(output)")
                #expect(errors.contains("there is none"))
                let left = try FileManager.default.contentsOfDirectory(atPath: service.directory)
                #expect(left.allSatisfy { !$0.contains("copy") }, "\(left)")
            }
        }
    }
}
