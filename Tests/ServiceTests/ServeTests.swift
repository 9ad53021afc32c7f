import FermataProtocol
import Foundation
import MockModel
import SQLite
import Testing

extension OneServerAtATime {
    /// What `fermata serve` says when it cannot.
    @Suite(.timeLimit(.minutes(2))) struct ServeTests {
        private func refused(_ directory: String, _ arguments: String..., says: String) async throws {
            let result = try await Service.cli(["serve", "--dir", directory] + arguments, directory: directory)
            #expect(result.code == 1 && result.output.isEmpty, "\(result)")
            #expect(result.errors.isOneLine && result.errors.contains(says), "\(result)")
        }

        private func withDirectory(_ body: (String) async throws -> Void) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try await body(directory)
        }

        /// Runs a statement with another program's SQLite, which moves the log into the store's file when it closes.
        private func sqlite(_ statement: String, in directory: String) throws -> URL {
            let store = directory + "/fermata.db"
            try Database(path: store, access: .readWrite, pages: .sealed).execute(statement)
            return URL(fileURLWithPath: store)
        }

        @Test func aDirectoryThatCannotBeMadeOrWritten() async throws {
            try await withDirectory { directory in
                let file = directory + "/file"
                try Data("text".utf8).write(to: URL(fileURLWithPath: file))
                try await refused(file + "/below", says: file)
                try await refused(file, says: file)
                try await refused("/proc/1/fermata", says: "/proc/1/fermata")
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "text")
            }
        }

        @Test func aSocketPathThatIsTooLong() async throws {
            try await withDirectory { directory in
                try await refused(
                    directory + "/" + String(repeating: "long", count: 30), says: "sockets cannot be opened")
            }
        }

        @Test func aStoreThatIsNotOne() async throws {
            try await withDirectory { directory in
                let store = directory + "/fermata.db"
                let text = Data(String(repeating: "This is a text. ", count: 600).utf8)
                try text.write(to: URL(fileURLWithPath: store))
                try await refused(directory, says: "not an SQLite database")
                #expect(try Data(contentsOf: URL(fileURLWithPath: store)) == text)
            }
        }

        @Test func aStoreOfANewerSchema() async throws {
            try await Service.run(script: "[]") { service, _ in
                try await service.launch("")
                #expect(await service.terminate() == 0)
                let store = try sqlite("PRAGMA user_version = 9999", in: service.directory)
                let bytes = try Data(contentsOf: store)
                try await refused(service.directory, says: "newer Fermata: its schema is 9999")
                #expect(try Data(contentsOf: store) == bytes)
            }
        }

        @Test func aStoreThatIsDamaged() async throws {
            try await Service.run(script: "[]") { service, _ in
                try await service.launch("")
                #expect(await service.terminate() == 0)
                let store = try sqlite("SELECT count(*) FROM events", in: service.directory)
                var bytes = try Data(contentsOf: store)
                bytes.replaceSubrange(4096..<bytes.count, with: Data(repeating: 0xA5, count: bytes.count - 4096))
                try bytes.write(to: store)
                try await refused(service.directory, says: "damaged")
            }
        }

        /// One run's event is damaged: whoever asks for that run is told so, and the others go on.
        @Test func aRunThatIsDamaged() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let damaged = try await service.launch("")
                let whole = try await service.launch("")
                #expect(await service.terminate() == 0)
                _ = try sqlite("UPDATE events SET body = x'FF' WHERE offset = 1", in: service.directory)
                try await service.start()
                try await service.refused(.internalError) { try await service.send(damaged, "hello") }
                try await service.refused(.internalError) { _ = try await service.events(damaged) }
                try await service.send(whole, "hello")
                try await service.wait(whole, .finished)
                #expect(service.serverLog.contains("a run cannot be read") && service.serverLog.contains(damaged))
            }
        }

        @Test func aSocketInUse() async throws {
            try await Service.run(script: "[]") { service, _ in
                try await withDirectory { directory in
                    let url = "ipc://\(service.directory)/control.sock"
                    try await refused(directory, "--control", url, says: "control.sock")
                    try await service.launch("")
                }
            }
        }

        @Test func wrongOptionsAreTheCommandLinesMistake() async throws {
            try await withDirectory { directory in
                for wrong in [["--log-level", "loud"], ["--model-silence", "0"], ["--durability", "some"]] {
                    let result = try await Service.cli(["serve", "--dir", directory] + wrong, directory: directory)
                    #expect(result.code == 64, "\(result)")
                }
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
            }
        }
    }
}
