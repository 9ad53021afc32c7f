import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// Several providers at once, by the configuration file.
    @Suite(.timeLimit(.minutes(2))) struct ProviderSettingsTests {
        private func withModel(key: String, _ body: (MockModel) async throws -> Void) async throws {
            var configuration = try MockModel.Configuration(listen: "127.0.0.1:0")
            configuration.requiredKey = key
            let script = #"[{"match": "user: go", "text": "It was \#(key)."}]"#
            let model = try await MockModel.start(try ModelScript(json: script, file: "test"), configuration)
            try await body(model)
            await model.stop()
        }

        @Test func eachHasItsOwnAddressKeyAndHeaders() async throws {
            try await withModel(key: "key-of-the-first-1") { first in
                try await withModel(key: "key-of-the-second-2") { second in
                    try await Service.withSettings("key-of-the-first-1\n") { directory, key in
                        let text = """
                            model: first/mock
                            providers:
                            - name: first
                              base-url: \(first.baseURL)
                              api-key-file: \(key)
                            - name: second
                              like: anthropic
                              base-url: \(second.baseURL.dropLast(3))
                              api-key-env: SECOND_API_KEY
                              headers:
                                X-Team: blue
                                X-Token: {env: SECOND_HEADER_TOKEN}
                            """
                        let file = directory + "/providers.yaml"
                        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
                        let environment = [
                            "SECOND_API_KEY": "key-of-the-second-2", "SECOND_HEADER_TOKEN": "token-of-a-header-3",
                        ]
                        try await Service.run(environment: environment, arguments: ["--config", file]) { service in
                            let one = try await service.launch()
                            try await service.wait(one, .finished)
                            let other = try await service.launch { $0.model = "second/claude-mock" }
                            try await service.wait(other, .finished)
                            let asked = try #require(second.log.entries(after: 0).first)
                            #expect(first.log.entries(after: 0).count == 1 && second.log.entries(after: 0).count == 1)
                            #expect(!String(decoding: asked.body ?? [], as: UTF8.self).contains("stream_options"))
                            // What the keys are is nobody's business, a model's server's least of all.
                            let text = try await service.cli("history", one).output
                            #expect(text.contains("It was **") && !text.contains("key-of-the-first-1"), "\(text)")
                            let error = await #expect(throws: (any Error).self) {
                                try await service.launch { $0.model = "third/m" }
                            }
                            #expect("\(error!)".contains("known are mock, first, second, openai"), "\(error!)")
                            let warning = "the default model has no price"
                            #expect(service.serverLog.contains(warning) && service.serverLog.contains("first/mock"))
                            let doctor = try await Service.cli(
                                ["doctor", "--config", file, "--json"], directory: service.directory,
                                environment: environment)
                            for (name, at) in [
                                ("first", first.baseURL), ("second", String(second.baseURL.dropLast(3))),
                            ] {
                                #expect(
                                    doctor.output.contains("\"\(name) at \(at), ")
                                        && !doctor.output.contains("problem\""), "\(doctor)")
                            }
                            let without = try await Service.cli(
                                ["doctor", "--config", file], directory: service.directory)
                            #expect(
                                without.code == 1 && without.output.contains("SECOND_API_KEY is not set"), "\(without)")
                        }
                    }
                }
            }
        }

        /// Of a model that the table knows to see none: others would refuse every later request.
        @Test func imagesAreSaidInWordsToWhoSeesNone() async throws {
            try await withModel(key: "key-of-the-first-1") { model in
                let text = """
                    providers:
                    - name: blind
                      like: deepseek
                      base-url: \(model.baseURL)
                      api-key-env: BLIND_API_KEY
                    """
                try await Service.withSettings(text) { directory, file in
                    let picture = directory + "/a.png"
                    try Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1]).write(
                        to: URL(fileURLWithPath: picture))
                    try await Service.run(
                        environment: ["BLIND_API_KEY": "key-of-the-first-1"], arguments: ["--config", file]
                    ) { service in
                        for (name, isShown) in [("blind/deepseek-chat", false), ("blind/of-tomorrow", true)] {
                            let before = model.log.entries().count
                            let run = try await service.cli(
                                "launch", "--wait", "--model", name, "--attach", picture, "go")
                            #expect(run.code == 0, "\(run)")
                            let body = String(
                                decoding: model.log.entries(after: before).first?.body ?? [], as: UTF8.self)
                            #expect(body.contains("image_url") == isShown, "\(name): \(body.suffix(300))")
                            #expect(body.contains("a.png, image/png, 9 bytes: this model cannot be shown") == !isShown)
                        }
                    }
                }
            }
        }

        /// One provider turns calls away for a while: its runs wait together and all come through, those of the others do
        /// not wait for them.
        @Test func whoIsLimitedWaitsAndNobodyElse() async throws {
            let script = #"""
                [{"match": "user: turned away", "fault": {"status": 429}, "gate": "refusal"},
                 {"match": "user: ", "text": "Done."}]
                """#
            let limited = try await MockModel.start(try ModelScript(json: script, file: "test"))
            try await withModel(key: "key-of-the-first-1") { other in
                let text = """
                    providers:
                    - name: limited
                      base-url: \(limited.baseURL)
                      max-requests: 8
                    - name: other
                      base-url: \(other.baseURL)
                      api-key-env: OTHER_API_KEY
                    """
                try await Service.withSettings(text) { _, file in
                    try await Service.run(
                        environment: ["OTHER_API_KEY": "key-of-the-first-1"], arguments: ["--config", file]
                    ) { service in
                        var slow: [String] = []
                        for number in 0..<24 {
                            slow.append(
                                try await service.launch(number < 8 ? "turned away" : "go") {
                                    $0.model = "limited/m"
                                    $0.modelAttempts = 3
                                })
                        }
                        while try await service.client.send(FermataStats()).callsWaiting < 16 {}
                        let cut = slow.removeLast()
                        #expect(try await service.cli("interrupt", cut).code == 0)
                        try await service.wait(cut, .paused)
                        for _ in 0..<24 {
                            let run = try await service.launch { $0.model = "other/m" }
                            try await service.wait(run, .finished)
                        }
                        limited.gates.open("refusal")
                        for run in slow { try await service.wait(run, .finished) }
                        let waits = service.serverLog.components(separatedBy: "a provider limits the rate").count - 1
                        #expect(waits == 1, "\(service.serverLog)")
                        #expect(try await service.client.send(FermataStats()).callsWaiting == 0)
                        // The eight that were turned away, and one call for each run.
                        #expect(limited.log.entries().count == 8 + slow.count)
                        try await service.resume(cut)
                        try await service.wait(cut, .finished)
                    }
                }
            }
            await limited.stop()
        }

        @Test func everyMistakeNamesItsPlace() async throws {
            let text = """
                providers:
                - name: mock
                  base-url: http://x
                - name: a/b
                  like: opnai
                - name: box
                - name: one
                  base-url: ftp://x
                  api: grpc
                  api-key: sk-secret-of-the-test
                - name: two
                  base-url: http://x
                  api-key-file: /a
                  api-key-env: X_API_KEY
                - name: three
                  base-url: http://x
                  api-key-env: secret
                  headers:
                    Host: x
                    X-A: {url: x}
                    X-B: [x]
                  base_url: http://y
                - base-url: http://x
                  max-requests: 0
                - name: four
                  base-url: http://x
                - name: four
                  base-url: http://y
                - text
                """
            try await Service.withSettings(text) { directory, file in
                let result = try await Service.cli(["serve", "--config", file], directory: directory)
                let expected = [
                    "2: providers[0].name: 1 to 64 letters", "4: providers[1].name: 1 to 64 letters",
                    "5: providers[1].like: it is none of openai, anthropic", "6: providers[2]: it has a base-url, or",
                    "8: providers[3].base-url: not an http", "9: providers[3].api: one of chat, messages, responses",
                    "10: providers[3].api-key: keys are not written here",
                    "11: providers[4]: it has one of api-key-file",
                    "17: providers[5].api-key-env: the name of a variable that ends in",
                    "19: providers[5].headers.Host: it is no header",
                    "20: providers[5].headers.X-A: it is a text, {file",
                    "21: providers[5].headers.X-B: it has one value",
                    "22: providers[5].base_url: unknown; is it base-url?",
                    "24: providers[6].max-requests: a number from 1 to 100000",
                    "23: providers[6].name: it is missing",
                    "27: providers[8].name: another one has it", "29: providers[9]: it is a mapping with a name",
                ]
                #expect(result.code == 78 && result.output.isEmpty, "\(result)")
                let lines = result.errors.split(separator: "\n").map(String.init)
                #expect(lines.count == expected.count, "\(result.errors)")
                for (line, start) in zip(lines, expected) {
                    #expect(line.hasPrefix("fermata: \(file):\(start)"), "\(line)\nis not\n\(start)")
                }
                #expect(!result.errors.contains("sk-secret"))
            }
        }

        @Test func whatIsPrintedSaysTheSame() async throws {
            let text = """
                providers:
                - name: work
                  like: openai
                  api: chat
                  api-key-env: WORK_API_KEY
                  headers:
                    X-Team: blue
                    X-Token: {file: /etc/token}
                  max-requests: 4
                  max-tokens: 90000
                - name: box
                  base-url: http://user:secret@box/v1
                """
            try await Service.withSettings(text) { directory, file in
                let first = try await Service.cli(["serve", "--print-config", "--config", file], directory: directory)
                let list = first.output.components(separatedBy: "\nproviders:\n").last ?? ""
                #expect(
                    first.code == 0 && "providers:\n" + list == text.replacing("user:secret", with: "***") + "\n",
                    "\(first)")
                let unusable = try await Service.cli(["serve", "--config", file], directory: directory)
                #expect(unusable.code == 78 && unusable.errors.contains("provider work: WORK_API_KEY is not set"))
            }
        }

        @Test func modelsAreListedWithWhatIsKnownOfThem() async throws {
            let text = """
                providers:
                - name: work
                  like: anthropic
                  api-key-env: KEY_THAT_IS_NOT_THERE_API_KEY
                """
            try await Service.withSettings(text) { directory, file in
                let list = try await Service.cli(
                    ["models", "--provider", "work", "--config", file], directory: directory)
                let lines = list.output.split(separator: "\n")
                let line = try #require(lines.first { $0.hasPrefix("work/claude-haiku-4-5 ") })
                #expect(
                    line.split(separator: " ").prefix(7)
                        == ["work/claude-haiku-4-5", "messages", "200000", "64000", "1", "0.1", "5"], "\(line)")
                #expect(line.contains("images,pdf,tools,reasoning") && line.contains("LiteLLM "), "\(line)")
                let json = try await Service.cli(["models", "--json"], directory: directory)
                let all = try #require(
                    try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
                #expect(all.count > 900 && all.allSatisfy { $0["name"] is String && $0["api"] is String })
                let wrong = try await Service.cli(["models", "--provider", "wrk"], directory: directory)
                #expect(wrong.code == 64 && wrong.errors.contains("No provider 'wrk'"), "\(wrong)")
            }
        }
    }
}
