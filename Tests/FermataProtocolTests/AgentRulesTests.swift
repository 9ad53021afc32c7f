import FermataProtocol
import SwiftProtobuf
import Testing

struct AgentRulesTests {
    private func fields(_ change: (inout FermataAgent) -> Void) -> [String] {
        var agent = FermataAgent.with { $0.name = "a" }
        change(&agent)
        return agent.problems.map(\.field)
    }

    @Test func aNameAloneIsAnAgent() {
        #expect(fields { _ in }.isEmpty)
    }

    @Test(arguments: ["", "a b", "a/b", "é", "a\n", String(repeating: "a", count: 65), "a\0"])
    func names(_ name: String) {
        #expect(fields { $0.name = name } == ["name"])
    }

    @Test func rangesEndWhereTheySay() {
        #expect(fields { $0.modelOptions.temperature = 0 }.isEmpty)
        #expect(fields { $0.modelOptions.temperature = 2 }.isEmpty)
        #expect(fields { $0.modelOptions.temperature = 2.001 } == ["model_options.temperature"])
        #expect(fields { $0.modelOptions.temperature = .nan } == ["model_options.temperature"])
        #expect(fields { $0.modelOptions.temperature = -0.001 } == ["model_options.temperature"])
        #expect(fields { $0.modelOptions.topP = 0 } == ["model_options.top_p"])
        #expect(fields { $0.modelOptions.topP = .infinity } == ["model_options.top_p"])
        #expect(fields { $0.modelOptions.topP = 1 }.isEmpty)
        #expect(fields { $0.modelOptions.maxOutputTokens = 0 } == ["model_options.max_output_tokens"])
        #expect(fields { $0.modelOptions.stop = [""] } == ["model_options.stop"])
        #expect(fields { $0.modelOptions.stop = Array(repeating: "x", count: 17) } == ["model_options.stop"])
        #expect(fields { $0.limits.maxSteps = 0 } == ["limits.max_steps"])
        #expect(fields { $0.limits.maxCostNanoUsd = 0 } == ["limits.max_cost_nano_usd"])
        #expect(fields { $0.modelAttempts = 101 } == ["model_attempts"])
        for models in [[""], [" "], ["a", "a"], ["a\u{0}"], (0..<9).map { "m\($0)" }] {
            #expect(fields { $0.fallbackModels = models } == ["fallback_models"])
        }
        #expect(fields { $0.tools = ["terminal", "terminal"] } == ["tools"])
        #expect(fields { $0.systemPrompt = String(repeating: "x", count: 1 << 20 + 1) }.count == 1)
    }

    @Test func everythingThatIsWrongIsTold() {
        let wrong = fields {
            $0.name = ""
            $0.modelOptions.topP = 3
            $0.limits.maxSteps = 0
        }
        #expect(wrong == ["name", "model_options.top_p", "limits.max_steps"])
    }

    @Test func whatIsSetComesFirst() {
        let own = FermataModelOptions.with {
            $0.temperature = 0
            $0.stop = ["a"]
        }
        let others = FermataModelOptions.with {
            $0.temperature = 1
            $0.topP = 0.5
            $0.maxOutputTokens = 7
            $0.seed = 1
            $0.reasoningEffort = "low"
            $0.stop = ["b"]
        }
        let result = own.over(others)
        #expect(result.temperature == 0 && result.stop == ["a"] && result.topP == 0.5 && result.maxOutputTokens == 7)
        #expect(result.seed == 1 && result.reasoningEffort == "low")
        #expect(others.over(own) == others)
        let limits = FermataLimits.with { $0.maxSteps = 1 }.over(.with { $0.maxCostNanoUsd = 2 })
        #expect(limits.maxSteps == 1 && limits.maxCostNanoUsd == 2)
    }
}
