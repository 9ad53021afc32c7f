import FermataProtocol
import Foundation
import SQLite
import Testing

extension OneServerAtATime {
    /// What cannot be: one clear line each, a code that is not 0, and nothing changed.
    @Suite struct RefusedStartTests {
        private func start(_ directory: String, _ arguments: [String] = []) async throws -> String {
            let service = Service(directory: directory, environment: [:], arguments: arguments)
            defer { service.kill() }
            do {
                try await service.start()
                Issue.record("it started")
                return ""
            } catch let ended as Service.Ended {
                #expect(ended.code == 1)
                let lines = ended.log.split(separator: "\n")
                #expect(lines.count == 1, "\(ended.log)")
                return ended.log
            }
        }

        private func inDirectory(_ body: (String) async throws -> Void) async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try await body(directory)
        }

        @Test func aStoreThatIsNoDatabase() async throws {
            try await inDirectory { directory in
                let store = directory + "/fermata.db"
                let text = Data(String(repeating: "this is not a database. ", count: 400).utf8)
                try text.write(to: URL(fileURLWithPath: store))
                let line = try await start(directory)
                #expect(line.contains("fermata.db"), "\(line)")
                #expect(try Data(contentsOf: URL(fileURLWithPath: store)) == text)
            }
        }

        @Test func aStoreOfANewerSchema() async throws {
            try await inDirectory { directory in
                let service = Service(directory: directory, environment: [:], arguments: [])
                try await service.start()
                #expect(await service.terminate() == 0)
                try FileManager.default.removeItem(atPath: directory + "/serve.log")
                let database = try Database(path: directory + "/fermata.db", access: .readWrite, busyTimeout: 1000)
                try database.execute("PRAGMA user_version = 99")
                database.close()
                let line = try await start(directory)
                #expect(line.contains("newer") && line.contains("99"), "\(line)")
            }
        }

        @Test func aDirectoryThatIsAFile() async throws {
            try await inDirectory { directory in
                let file = directory + "/file"
                try Data("x".utf8).write(to: URL(fileURLWithPath: file))
                let service = try await Service.cli(["serve", "--dir", file + "/under"], directory: directory)
                #expect(service.code == 1)
                #expect(service.errors.split(separator: "\n").count == 1, "\(service.errors)")
                #expect(service.errors.contains(file))
            }
        }

        @Test func aSocketPathThatIsTooLong() async throws {
            try await inDirectory { directory in
                let long = "ipc://\(directory)/" + String(repeating: "x", count: 120)
                let line = try await start(directory, ["--control", long])
                #expect(line.contains("107"), "\(line)")
            }
        }

        @Test func aSecondServerInTheSameDirectory() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                let second = try await Service.cli(["serve", "--dir", service.directory], directory: service.directory)
                #expect(second.code == 1)
                #expect(second.errors.split(separator: "\n").count == 1, "\(second.errors)")
                #expect(second.errors.contains(String(service.process.processIdentifier)), "\(second.errors)")
                #expect(try await service.wait(try await service.launch(), .finished).lastMessage == "Done.")
            }
        }

        @Test func modelsThatLeadNowhere() async throws {
            try await Service.run { service in
                try await service.refused(.unknownModel) { try await service.launch { $0.model = "nobody/knows" } }
                try await service.refused(.unknownModel) { try await service.launch() }
                try await service.refused(.missingKey) { try await service.launch { $0.model = "openai/gpt-4o" } }
                #expect(try await service.client.send(FermataListRuns()).runs.isEmpty)
            }
        }

        @Test func workspacesThatCannotBe() async throws {
            try await Service.run(script: #"[{"text": "Done."}]"#) { service, _ in
                for workspace in ["relative/path", service.directory + "/not-there", service.directory + "/serve.log"] {
                    try await service.refused(.invalidArgument) { try await service.launch { $0.workspace = workspace } }
                }
                try await service.refused(.invalidArgument) { try await service.launch { $0.tools = ["hammer"] } }
                try await service.refused(.invalidArgument) {
                    try await service.launch { $0.reason = String(repeating: "x", count: 5000) }
                }
                #expect(try await service.client.send(FermataListRuns()).runs.isEmpty)
            }
        }
    }
}
