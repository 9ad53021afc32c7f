import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// `fermata doctor` and `fermata completions`.
    @Suite(.timeLimit(.minutes(2))) struct DoctorTests {
        private struct Report: Decodable {
            struct Finding: Decodable {
                let check: String
                let level: String
                let text: String
                let remedy: String?
            }
            let findings: [Finding]
            let warnings: Int
            let problems: Int

            func level(of check: String) -> String? { findings.first { $0.check == check }?.level }
        }

        private func report(
            _ directory: String, environment: [String: String] = [:], _ arguments: String...
        ) async throws -> (report: Report, code: Int32, text: String) {
            let result = try await Service.cli(
                ["doctor", "--json"] + arguments, directory: directory, environment: environment)
            #expect(result.output.isOneLine && result.errors.isEmpty, "\(result)")
            let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
            #expect(report.problems == report.findings.count { $0.level == "problem" })
            #expect(report.warnings == report.findings.count { $0.level == "warning" })
            #expect(report.findings.allSatisfy { ($0.remedy == nil) == ($0.level == "ok") })
            #expect(result.code == (report.problems > 0 ? 1 : 0))
            return (report, result.code, result.output)
        }

        @Test func aHealthyServerHasNothingToComplainOf() async throws {
            try await Service.run(script: "[]") { service, model in
                try await service.launch("")
                let key = ["LLM_MODEL": "openai/mock", "LLM_BASE_URL": model.baseURL, "LLM_API_KEY": "test-key-1"]
                let (report, code, text) = try await report(service.directory, environment: key)
                let checks = [
                    "fermata", "nng", "sqlite", "curl", "settings", "directory", "control", "events", "text", "store",
                    "lock", "disk",
                    "clock", "model", "supervisor", "descriptors",
                ]
                #expect(report.findings.map(\.check) == checks)
                #expect(
                    code == 0 && report.findings.filter { $0.check != "disk" }.allSatisfy { $0.level == "ok" },
                    "\(text)")
                #expect(!text.contains("test-key-1"))
                // It has looked only: the server goes on, and its store is as it was.
                #expect(try await service.everyEvent().count == 1)
                let words = try await service.cli("doctor", "--no-model")
                #expect(words.code == 0 && words.output.contains("ok       control"), "\(words)")
            }
        }

        @Test func withoutAServerTheRestIsLookedAt() async throws {
            try await Service.run(script: "[]") { service, _ in
                try await service.launch("")
                #expect(await service.terminate() == 0)
                let (report, code, text) = try await report(service.directory, "--no-model")
                #expect(code == 0 && report.level(of: "control") == "warning", "\(text)")
                #expect(report.level(of: "store") == "ok" && text.contains("last event 1"))
                #expect(report.level(of: "lock") == "ok")
                try await service.start()
            }
        }

        @Test func whatIsWrongIsAProblemWithARemedy() async throws {
            try await Service.run(script: "[]") { service, model in
                try await service.launch("")
                // A process that has the store and does not answer.
                kill(service.process.processIdentifier, SIGSTOP)
                defer { kill(service.process.processIdentifier, SIGCONT) }
                let stopped = try await report(service.directory, "--no-model")
                #expect(stopped.code == 1 && stopped.report.level(of: "control") == "problem", "\(stopped.text)")
                #expect(stopped.report.level(of: "lock") == "warning")
            }
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try Data(String(repeating: "This is a text. ", count: 600).utf8)
                .write(to: URL(fileURLWithPath: directory + "/fermata.db"))
            chmod(directory, 0o755)
            let text = try await report(directory, "--no-model")
            #expect(text.report.level(of: "store") == "problem" && text.report.level(of: "directory") == "warning")
            let long = try await report(directory + "/" + String(repeating: "long", count: 30), "--no-model")
            #expect(long.report.level(of: "sockets") == "problem" && long.report.level(of: "directory") == "warning")
        }

        @Test func aModelThatCannotBeReachedIsTold() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let key = "sk-secret-of-the-test"
            func finding(_ base: String) async throws -> String {
                let (report, code, text) = try await report(
                    directory, environment: ["LLM_MODEL": "openai/x", "LLM_BASE_URL": base, "LLM_API_KEY": key])
                #expect(code == 1 && report.level(of: "model") == "problem" && !text.contains(key), "\(text)")
                return report.findings.first { $0.check == "model" }?.text ?? ""
            }
            #expect(try await finding("http://127.0.0.1:1").contains("nobody takes the connection"))
            #expect(try await finding("nonsense").contains("LLM_BASE_URL"))
            let model = try await MockModel.start(
                try ModelScript(json: "[]", file: "test"),
                try {
                    var configuration = try MockModel.Configuration(listen: "127.0.0.1:0")
                    configuration.requiredKey = "another"
                    return configuration
                }())
            let refused = try await finding(model.baseURL)
            await model.stop()
            #expect(refused.contains("HTTP 401: the key is refused"), "\(refused)")
            #expect(try await finding(model.baseURL.replacing("http:", with: "https:")).contains("127.0.0.1"))
        }

        @Test func completionsComeFromTheRunningServer() async throws {
            try await Service.run(script: "[]") { service, _ in
                let runs = [try await service.launch(""), try await service.launch("")]
                // As the scripts that argument parser makes ask for a word: COMMAND, argument, its index, the cursor.
                func complete(_ command: String, _ argument: String, _ words: String...) async throws -> [String] {
                    let result = try await Service.cli(
                        ["---completion", command, "--", argument, "\(words.count - 1)", "0"] + words,
                        directory: service.directory)
                    #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
                    return result.output.split(separator: "\n").map(String.init)
                }
                #expect(try await complete("show", "positional@0", "fermata", "show", "") == runs.reversed())
                #expect(
                    try await complete("pause", "positional@0", "fermata", "pause", String(runs[0].dropLast())) == [
                        runs[0]
                    ])
                #expect(try await complete("launch", "--agent", "fermata", "launch", "--agent", "").isEmpty)
                #expect(await service.terminate() == 0)
                #expect(try await complete("show", "positional@0", "fermata", "show", "").isEmpty)
                try await service.start()
            }
            for shell in ["bash", "zsh", "fish"] {
                let script = try await Service.cli(["completions", shell], directory: "/nonexistent")
                #expect(
                    script.code == 0 && script.output.contains("---completion") && script.output.contains("WAITING"))
            }
        }
    }
}
