import AgentFiles
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

struct AgentFileTests {
    private func parse(_ text: String) throws -> FermataAgent { try AgentFile.parse(Array(text.utf8), file: "a.yaml") }

    /// The example is read from where people read it.
    @Test func theExampleOfTheReadMeIsAnAgent() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
        let readMe = try String(contentsOf: path, encoding: .utf8)
        let example = try #require(readMe.components(separatedBy: "```yaml\nname:").dropFirst().first)
        let text = try #require(example.components(separatedBy: "```").first)
        let agent = try parse("name:" + text)
        #expect(
            agent
                == .with {
                    $0.name = "reviewer"
                    $0.description_p = "Reads a change and says what is wrong with it."
                    $0.model = "openai/gpt-4o"
                    $0.modelOptions.temperature = 0.2
                    $0.modelOptions.maxOutputTokens = 4000
                    $0.systemPrompt = "You review changes. Say what is wrong, where, and why.\nChange nothing.\n"
                    $0.tools = ["terminal", "file_editor", "ask_human"]
                    $0.fallbackModels = ["anthropic/claude-haiku-5-5"]
                    $0.patienceMs = 600_000
                    $0.modelAttempts = 3
                    $0.limits.maxSteps = 40
                    $0.limits.maxCostNanoUsd = 500_000_000
                    $0.limits.maxRepeats = 3
                    $0.policy.tools = [.with { ($0.tool, $0.gate) = ("terminal", .ask) }]
                })
        #expect(try parse(AgentFile.text(of: agent)) == agent)
    }

    @Test func theExampleOfAPolicyIsOne() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../README.md")
        let readMe = try String(contentsOf: path, encoding: .utf8)
        let example = try #require(readMe.components(separatedBy: "```yaml\nterminal:").dropFirst().first)
        let text = try #require(example.components(separatedBy: "```").first)
        let policy = try PolicyFile.parse(Array(("terminal:" + text).utf8), file: "p.yaml")
        #expect(policy.tools.map(\.tool) == ["terminal"] && policy.tools[0].rules.map(\.gate) == [.deny, .allow])
        #expect(policy.tools[0].deadlineMs == 8 * 3_600_000)
    }

    /// In the protocol no names are all tools: who writes an empty list does not want them.
    @Test func anEmptyListOfToolsIsNone() throws {
        for text in ["name: a\ntools: []", "name: a\ntools: [none]"] {
            let agent = try parse(text)
            #expect(agent.tools == [FermataAgent.noTools])
            #expect(try parse(AgentFile.text(of: agent)) == agent)
        }
        #expect(try parse("name: a").tools.isEmpty)
    }

    @Test func allKeys() throws {
        let agent = try parse(
            """
            # what is not set is not sent
            limits: {max_cost_usd: 0.000000001, max_steps: 1}
            model_options: {seed: -7, top_p: 1, stop: ["END", '#'], reasoning_effort: "low", temperature: 1e-1}
            name: "007"
            """)
        #expect(
            agent
                == .with {
                    $0.name = "007"
                    $0.modelOptions.temperature = 0.1
                    $0.modelOptions.topP = 1
                    $0.modelOptions.seed = -7
                    $0.modelOptions.reasoningEffort = "low"
                    $0.modelOptions.stop = ["END", "#"]
                    $0.limits.maxSteps = 1
                    $0.limits.maxCostNanoUsd = 1
                })
        #expect(try parse("name: a\nlimits:\n  max_cost_usd: 9223372036.854775807").limits.maxCostNanoUsd == .max)
        #expect(try parse("\u{FEFF}name: a\r\nmodel: b/c\r\n").model == "b/c")
        #expect(try parse("{\"name\": \"a\", \"tools\": [\"terminal\"]}").tools == ["terminal"])
        #expect(try parse("name: a\nsystem_prompt: \"R&D *all* !\"").systemPrompt == "R&D *all* !")
        #expect(try parse("name: a\nsystem_prompt: |\n  * one\n  & two\n  *b *c").systemPrompt == "* one\n& two\n*b *c")
    }

    @Test func whatIsWrittenIsReadAgainAsItWas() throws {
        let texts = [
            "one line", "two\nlines\n", "  indented\nnot\n", "\n\nleading", "trailing   \n\n\n", "\ttab\n\tx",
            "a\r\nb\r",
            "yes", "~", "123", "0x1f", "1:30", "# no comment", "a: b", "- a", "*a", "&a", "!a", "'", "\"", "\\", "%",
            "@",
            "`", "", "\u{85}\u{2028}\u{FEFF}", "\u{1b}[31m\u{7}\n", "été 🎼 \u{202E}", "---\n...\n", " ", "\n", "null",
            "=", "<<", "2001-01-01", ".inf", "word ", "a\n b\n  c\n\n\n d", String(repeating: "long ", count: 1000),
        ]
        for text in texts {
            let agent = FermataAgent.with {
                $0.name = "a"
                $0.systemPrompt = text
                $0.description_p = text.count <= 200 ? text : ""
                if text.isEmpty || text.count > 60 { return }
                $0.modelOptions.reasoningEffort = text
                $0.modelOptions.stop = [text, "x"]
            }
            #expect(agent.problems.isEmpty)
            #expect(try parse(AgentFile.text(of: agent)) == agent, "\(text.debugDescription)")
        }
        // A message that is set and has nothing in it is as one that is not.
        let empty = FermataAgent.with { ($0.name, $0.modelOptions, $0.limits) = ("a", .init(), .init()) }
        #expect(AgentFile.text(of: empty) == "name: a\n")
        #expect(try parse("name: a\nmodel_options: {}\nlimits: {}") == FermataAgent.with { $0.name = "a" })
        for name in ["1", "yes", "null", "1.5", "-", ".", "...", "---", "0x10", "a-b_c.d", "1e5"] {
            let agent = FermataAgent.with { $0.name = name }
            #expect(try parse(AgentFile.text(of: agent)) == agent)
        }
        for nano: Int64 in [1, 10, 500_000_000, 1_000_000_000, 1_234_567_891, .max] {
            let agent = FermataAgent.with {
                $0.name = "a"
                $0.limits.maxCostNanoUsd = nano
                $0.limits.maxSteps = .max
                $0.modelOptions.seed = -nano
                $0.modelOptions.temperature = 2 / Double(nano)
                $0.modelOptions.topP = 1 / 3
                $0.modelAttempts = 100
            }
            #expect(try parse(AgentFile.text(of: agent)) == agent)
        }
        let two = FermataAgent.with {
            ($0.name, $0.model, $0.fallbackModels, $0.patienceMs) = ("a", "x/a", ["y/b", "z/c"], 5_400_000)
        }
        #expect(AgentFile.text(of: two) == "name: a\nmodel: x/a\nfallback_models: [y/b, z/c]\npatience: 1h30m\n")
        #expect(try parse("name: a\nmodels: [x/a, y/b, z/c]\npatience: 90m") == two)
        let prompt = FermataAgent.with { ($0.name, $0.systemPrompt) = ("a", "One.\nTwo.\n") }
        #expect(AgentFile.text(of: prompt) == "name: a\nsystem_prompt: |\n  One.\n  Two.\n")
    }
}
