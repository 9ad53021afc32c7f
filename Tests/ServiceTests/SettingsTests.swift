import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// Where settings come from, and what is said of mistakes in them.
    @Suite(.timeLimit(.minutes(2))) struct SettingsTests {
        @Test func anOptionComesBeforeTheEnvironmentAndThatBeforeTheFile() async throws {
            let text = """
                # Of the test.
                model: openai/file
                model-silence: 7
                log-level: 'debug'
                base-url: https://user:secret@models.example/v1
                """
            try await Service.withSettings(
                text,
                { directory, file in
                    let result = try await Service.cli(
                        ["serve", "--print-config", "--config", file, "--log-level", "error"], directory: directory,
                        environment: [
                            "LLM_MODEL": "openai/variable", "FERMATA_LOG_FORMAT": "json",
                            "LLM_API_KEY": "sk-of-the-test",
                        ])
                    #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
                    func line(_ key: String) -> [String] {
                        result.output.split(separator: "\n").first {
                            $0.hasPrefix(key + ":") || $0.hasPrefix("# \(key):")
                        }?
                        .components(separatedBy: "  # ").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
                    }
                    #expect(line("log-level") == ["log-level: error", "--log-level"])
                    #expect(line("model") == ["model: openai/variable", "LLM_MODEL"])
                    #expect(line("log-format") == ["log-format: json", "FERMATA_LOG_FORMAT"])
                    #expect(line("model-silence") == ["model-silence: 7", "\(file):3"])
                    #expect(line("dir") == ["dir: \(directory)", "FERMATA_DIR"])
                    #expect(line("control") == ["control: ipc://\(directory)/control.sock", "default"])
                    #expect(line("durability") == ["durability: full", "default"])
                    #expect(line("prices") == ["# prices:", "not set"])
                    #expect(!result.output.contains("secret") && !result.output.contains("sk-of-the-test"))
                    // What is printed is a file again that says the same.
                    let again = directory + "/again.yaml"
                    try Data(result.output.utf8).write(to: URL(fileURLWithPath: again))
                    let second = try await Service.cli(
                        ["serve", "--print-config", "--config", again], directory: "/elsewhere")
                    #expect(second.code == 0 && second.output.contains("model: openai/variable"), "\(second)")
                })
        }

        @Test func theUsersOwnFileIsReadIfThereIsOne() async throws {
            let directory = try Service.temporaryDirectory()
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let own = directory + "/.config/fermata"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            try Data("model-silence: 9\n".utf8).write(to: URL(fileURLWithPath: own + "/fermata.yaml"))
            let result = try await Service.cli(["serve", "--print-config"], directory: directory)
            #expect(
                result.output.contains("model-silence: 9") && result.output.contains("# \(own)/fermata.yaml:1"),
                "\(result)")
            // Clients find the server by it as well, and mind no mistake that is the server's.
            try Data("dir: \(own)/state\nmodel-silence: x\n".utf8).write(
                to: URL(fileURLWithPath: own + "/fermata.yaml"))
            let client = try await Service.cli(["list"], directory: directory, environment: ["FERMATA_DIR": ""])
            #expect(client.code == 69 && client.errors.contains("ipc://\(own)/state/control.sock"), "\(client)")
            let doctor = try await Service.cli(["doctor", "--no-model"], directory: directory)
            #expect(doctor.code == 1 && doctor.output.contains("\(own)/fermata.yaml:2: model-silence"), "\(doctor)")
            let missing = try await Service.cli(
                ["serve", "--print-config", "--config", "/nowhere.yaml"], directory: directory)
            #expect(missing.code == 78 && missing.errors.isOneLine && missing.errors.contains("/nowhere.yaml"))
        }

        @Test func everyMistakeNamesFileLineAndKey() async throws {
            let text = """
                modle: openai/x
                log_level: info
                durability: some
                model-silence: 0
                control: here
                colour: red
                LLM_API_KEY: sk-secret-of-the-test
                prices: [a, b]
                events:
                """
            try await Service.withSettings(text) { directory, file in
                let result = try await Service.cli(["serve", "--config", file], directory: directory)
                let expected = [
                    "\(file):1: modle: unknown; is it model?", "\(file):2: log_level: unknown; is it log-level?",
                    "\(file):6: colour: unknown; known are dir, ", "\(file):7: LLM_API_KEY: keys are not written here",
                    "\(file):8: prices: it has one value", "\(file):9: events: it has no value",
                    "\(file):5: control: not a URL", "\(file):3: durability: it is none of full, normal",
                    "\(file):4: model-silence: not a number",
                ]
                #expect(result.code == 78 && result.output.isEmpty, "\(result)")
                let lines = result.errors.split(separator: "\n").map(String.init)
                #expect(lines.count == expected.count, "\(result.errors)")
                for (line, start) in zip(lines, expected) { #expect(line.hasPrefix("fermata: " + start), "\(line)") }
                #expect(!result.errors.contains("sk-secret"))
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["settings.yaml"])
            }
        }

        @Test(arguments: [
            ("model: a\nmodel: b\n", ":1: twice: model"), ("- model\n", "not a mapping"), ("model: [\n", ":2:"),
            ("just text", "not a mapping"), (String(repeating: "# text\n", count: 20_000), "longer than"),
            ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", ":1: a: unknown"), ("? [a]\n: b\n", "a key is a word"),
        ])
        func aFileThatIsNoConfigurationIsOneLineOrMore(text: String, says: String) async throws {
            try await Service.withSettings(text) { directory, file in
                let result = try await Service.cli(["serve", "--print-config", "--config", file], directory: directory)
                #expect(result.code == 78 && result.errors.contains(says) && result.output.isEmpty, "\(result)")
                #expect(result.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("fermata: \(file)") })
            }
        }

        @Test func anEmptyFileAndOneThatIsNotText() async throws {
            try await Service.withSettings("# nothing\n") { directory, file in
                #expect(
                    try await Service.cli(["serve", "--print-config", "--config", file], directory: directory).code == 0
                )
                try Data([0x6d, 0xff, 0xfe, 0x00]).write(to: URL(fileURLWithPath: file))
                let result = try await Service.cli(["serve", "--print-config", "--config", file], directory: directory)
                #expect(result.code == 78 && result.errors.contains("not UTF-8"), "\(result)")
                let wrong = try await Service.cli(
                    ["serve", "--print-config"], directory: directory, environment: ["FERMATA_MODEL_SILENCE": "long"])
                #expect(wrong.code == 78 && wrong.errors.contains("FERMATA_MODEL_SILENCE: not a number"), "\(wrong)")
            }
        }

        @Test func aKeyComesFromAFileAndIsShownNowhere() async throws {
            let key = "sk-key-of-the-test-1"
            var configuration = try MockModel.Configuration(listen: "127.0.0.1:0")
            configuration.requiredKey = key
            let script = #"""
                [{"match": "user: go", "tool_calls": [{"name": "terminal", "arguments": {"command": "env; echo sk-key-of-the-test-1"}}]},
                 {"match": "tool: ", "text": "Done."}]
                """#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"), configuration)
            try await Service.withSettings(key + "\n") { _, file in
                try await Service.run(
                    environment: ["LLM_API_KEY_FILE": file],
                    arguments: ["--base-url", model.baseURL, "--model", "openai/mock"]
                ) { service in
                    let run = try await service.launch()
                    try await service.wait(run, .finished)
                    let output = try #require(try await service.events(run).compactMap(\.callEndedValue).first).output
                    #expect(!output.contains(key) && !output.contains("LLM_API_KEY"), "\(output)")
                    #expect(!service.serverLog.contains(key))
                    #expect(service.serverLog.contains("everybody can read the key's file"))
                }
                let unusable = try await Service.cli(["serve", "--api-key-file", "/nowhere"], directory: file + ".dir")
                #expect(unusable.code == 78 && unusable.errors.contains("/nowhere"), "\(unusable)")
            }
            await model.stop()
        }
    }
}
