import AgentFiles
import FermataProtocol
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct AgentMistakeTests {
    private func mistakes(_ bytes: [UInt8]) -> [String] {
        do throws(AgentFileError) {
            _ = try AgentFile.parse(bytes, file: "a.yaml")
            return []
        } catch {
            #expect(error.mistakes.allSatisfy { !$0.description.contains(where: \.isNewline) })
            return error.mistakes.map(\.description)
        }
    }

    private func mistakes(_ text: String) -> [String] { mistakes(Array(text.utf8)) }

    @Test func everyMistakeIsToldWithItsLineAndKey() {
        let known =
            "known: name, description, model, models, fallback_models, model_options, system_prompt, tools, "
            + "model_attempts, patience, limits, policy, worker_tools"
        let knownOptions = "known: temperature, top_p, max_output_tokens, seed, reasoning_effort, stop"
        #expect(
            mistakes(
                """
                name: a b
                modle: x/y
                model_options:
                  temprature: 1
                  temperature: 3
                  top_p: high
                  max_output_tokens: 0
                  seed: 1.5
                  stop: [a, 7, [b]]
                system_prompt: [x]
                tools: terminal
                model_attempts: 0x10
                limits:
                  max_steps: 0
                  max_cost_usd: 0.1234567891
                frequency_penalty: 1
                """) == [
                    "a.yaml:1: name: must be 1 to 64 letters, digits, '-', '_' and '.'",
                    "a.yaml:2: modle: is not known; did you mean model? \(known)",
                    "a.yaml:4: model_options.temprature: is not known; did you mean temperature? \(knownOptions)",
                    "a.yaml:5: model_options.temperature: must be from 0 to 2",
                    "a.yaml:6: model_options.top_p: must be a number, such as 0.5",
                    "a.yaml:7: model_options.max_output_tokens: must be at least 1",
                    "a.yaml:8: model_options.seed: must be a whole number from \(Int64.min) to \(Int64.max)",
                    "a.yaml:9: model_options.stop[1]: must be text; put it in quotes if it is",
                    "a.yaml:9: model_options.stop[2]: must be text",
                    "a.yaml:10: system_prompt: must be text",
                    "a.yaml:11: tools: must be a list of texts, such as [one, two]",
                    "a.yaml:12: model_attempts: must be a whole number from 0 to 4294967295",
                    "a.yaml:14: limits.max_steps: must be at least 1",
                    "a.yaml:15: limits.max_cost_usd: must be US dollars, such as 2 or 0.25, with at most nine decimals",
                    "a.yaml:16: frequency_penalty: is not known; \(known)",
                ])
    }

    @Test(arguments: ["1", "~", "yes", "2001-01-01", "", "[a]", "{a: b}", "!!int 1", "!x a", "\"a\\0b\"", "1.5"])
    func noText(_ value: String) {
        let found = mistakes("name: a\nmodel: \(value)")
        #expect(found.count == 1 && found[0].hasPrefix("a.yaml:2: model: must be text"), "\(found)")
    }

    @Test(arguments: [
        ("limits: {max_cost_usd: -1}", "limits.max_cost_usd"), ("limits: {max_cost_usd: 0}", "limits.max_cost_usd"),
        ("limits: {max_cost_usd: 1e3}", "limits.max_cost_usd"),
        ("limits: {max_cost_usd: \"1\"}", "limits.max_cost_usd"),
        ("limits: {max_cost_usd: 9223372036.854775808}", "limits.max_cost_usd"),
        ("limits: {max_cost_usd: .inf}", "limits.max_cost_usd"),
        ("limits: {max_steps: 4294967296}", "limits.max_steps"),
        ("limits: {max_steps: -1}", "limits.max_steps"), ("limits: {max_steps: 010}", "limits.max_steps"),
        ("limits: {max_steps: 1_000}", "limits.max_steps"), ("limits: 5", "limits"), ("limits: [a]", "limits"),
        ("limits:", "limits"), ("model_options: {temperature: .nan}", "model_options.temperature"),
        ("model_options: {temperature: 1e999}", "model_options.temperature"),
        ("model_options: {temperature: \"1\"}", "model_options.temperature"),
        ("model_options: {temperature: 0x1}", "model_options.temperature"),
        ("models: a", "models"), ("fallback_models: [a, a]", "fallback_models"),
        ("patience: soon", "patience"), ("patience: 50d", "patience"),
        ("model_options: {seed: 9223372036854775808}", "model_options.seed"), ("model_attempts: 101", "model_attempts"),
        ("model_attempts: !!int 1x", "model_attempts"), ("tools: [a, a]", "tools"), ("tools: [\"\"]", "tools"),
        ("tools: [~]", "tools[0]"), ("? [a, b]\n: c", "a key that is no text"),
        ("? {a: b}\n: c", "a key that is no text"),
        ("<<: {model: x}", "<<"), ("1: 2", "1"), ("\"a\\nb\\e[31m\": 2", "a\u{FFFD}b\u{FFFD}[31m"), ("name: b", "name"),
    ])
    func oneMistake(_ line: String, _ key: String) {
        let found = mistakes("# an agent\nname: a\n\(line)\n")
        #expect(found.count == 1, "\(found)")
        // Of a key that is given twice, the first is told.
        #expect(found.first?.hasPrefix("a.yaml:\(key == "name" ? 2 : 3): \(key): ") == true, "\(found)")
    }

    @Test func modelsAreNamedInOneWay() {
        for (line, key) in [("model: c", "model"), ("fallback_models: [c]", "fallback_models")] {
            let found = mistakes("name: a\nmodels: [a, b]\n\(line)\n")
            #expect(found.count == 1 && found[0].hasPrefix("a.yaml:3: \(key): is in models as well"), "\(found)")
        }
    }

    @Test(arguments: [
        "", "\n\n", "# nothing", "---\n", "text", "- a", "[name, a]", "name: a\n---\nname: b", "name: [", "name: \"a",
        "a: b: c", "\tname: a", "name: a\n model: b", "%YAML 9.9\n---\nname: a", "name: @a", "name: a\0",
        "name: a\u{1}",
        "{", "]", "*", "&", "!!str", "? ", "|", "name: |x", "\u{FEFF}", "...", "name: a\n...\nb",
    ])
    func whatIsNoAgent(_ text: String) {
        let found = mistakes(text)
        #expect(!found.isEmpty && found.allSatisfy { $0.hasPrefix("a.yaml") }, "\(text.debugDescription): \(found)")
    }

    @Test func bytesThatAreNoText() {
        #expect(mistakes(Array("name: a\nmodel: ".utf8) + [0xFF]) == ["a.yaml:2: is not UTF-8"])
        #expect(mistakes([0xFE, 0xFF, 0, 0x61]).count == 1)
        let large = Array("name: a\nsystem_prompt: ".utf8) + [UInt8](repeating: 0x61, count: AgentFile.maximumBytes)
        #expect(mistakes(large) == ["a.yaml: is larger than 2 MiB"])
        let long = "name: a\nsystem_prompt: " + String(repeating: "a", count: 1 << 20) + "b"
        #expect(mistakes(long) == ["a.yaml:2: system_prompt: must have at most 1048576 bytes"])
    }

    /// A billion laughs: as values, and as keys, which are compared with each other.
    @Test func aliasesAreNotFollowed() {
        var lines = ["x0: &x0 [ha, ha]"]
        for number in 1...60 { lines.append("x\(number): &x\(number) [*x\(number - 1), *x\(number - 1)]") }
        let refusal = "anchors and aliases (&, *) are not possible here"
        #expect(mistakes(lines.joined(separator: "\n")) == ["a.yaml:2: \(refusal)"])
        #expect(mistakes((lines + ["? *x60", ": a", "? *x60", ": b"]).joined(separator: "\n")).count == 1)
        #expect(mistakes("name: a\ntools: &t [terminal]") == ["a.yaml:2: \(refusal)"])
        #expect(mistakes("name: &n a\nmodel: *n") == ["a.yaml:2: \(refusal)"])
        #expect(mistakes("&n name: a") == ["a.yaml:1: \(refusal)"])
        #expect(mistakes("&n {name: a}") == ["a.yaml:1: \(refusal)"])
        #expect(mistakes("name: *n") == ["a.yaml:1: \(refusal)"])
        #expect(mistakes("a: &a !t [x]\n? [*a, *a]\n: c").count == 1)
        #expect(mistakes("&a a: &b\n- *a\n- *b").count == 1)
    }

    @Test func depthHasAnEnd() {
        for text in ["[", "{a: ", "- ", "? ", "[{a: "] {
            #expect(!mistakes("name: a\ntools: " + String(repeating: text, count: 50_000)).isEmpty)
            #expect(!mistakes(String(repeating: text, count: 900)).isEmpty)
        }
        let deep = String(repeating: "[", count: 900) + String(repeating: "]", count: 900)
        #expect(mistakes("name: a\ntools: \(deep)") == ["a.yaml:2: tools[0]: must be text"])
    }

    @Test func filesThatCannotBeRead() throws {
        let directory = "/tmp/fermata-agents-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        mkfifo(directory + "/fifo", 0o600)
        for (name, why) in [
            ("none", "cannot be read: No such file or directory"), ("fifo", "is not a regular file"),
            (".", "is not a regular file"),
        ] {
            #expect(throws: AgentFileError([AgentMistake(file: "\(directory)/\(name)", text: why)])) {
                try AgentFile.read("\(directory)/\(name)")
            }
        }
        try "name: a".write(toFile: directory + "/good", atomically: true, encoding: .utf8)
        #expect(try AgentFile.read(directory + "/good").name == "a")
    }
}
