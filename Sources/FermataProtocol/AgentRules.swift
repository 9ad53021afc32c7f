/// Something that is wrong with a value of an agent, its options or its limits.
public struct FieldProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// The field as the schema names it, with its message's: `model_options.temperature`.
    public let field: String
    /// What it must be, for a person; without the value.
    public let rule: String

    public init(field: String, rule: String) {
        self.field = field
        self.rule = rule
    }

    public var description: String { "\(field) \(rule)" }

    public func inside(_ parent: String) -> FieldProblem { FieldProblem(field: "\(parent).\(field)", rule: rule) }
}

/// What the values of an agent must be: the same for a file that is checked and for a command that is sent. Which
/// models and tools there are, only a server knows.
extension FermataAgent {
    /// In the place of tools' names: it has none. An empty list is all tools.
    public static let noTools = "none"

    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        func check(_ field: String, _ isRight: Bool, _ rule: String) {
            if !isRight { problems.append(FieldProblem(field: field, rule: rule)) }
        }
        check("name", FermataAgent.isName(name), "must be 1 to 64 letters, digits, '-', '_' and '.'")
        check("description", description_p.utf8.count <= 4096, "must have at most 4096 bytes")
        check("model", model.utf8.count <= 1024, "must have at most 1024 bytes")
        check("system_prompt", systemPrompt.utf8.count <= 1 << 20, "must have at most 1048576 bytes")
        check("tools", Set(tools).count == tools.count, "must name each tool once")
        check("tools", tools.count <= 1024 && !tools.contains(""), "must be at most 1024 names, none of them empty")
        check("model_attempts", modelAttempts <= 100, "must be at most 100")
        if let problem = FermataAgent.problem(ofFallbackModels: fallbackModels) { problems.append(problem) }
        problems += modelOptions.problems.map { $0.inside("model_options") }
        problems += limits.problems.map { $0.inside("limits") }
        problems += workerTools.problems(field: "worker_tools")
        return problems
    }

    /// Why no run can have these fallback models, whether there are such or not; nil: it can.
    public static func problem(ofFallbackModels names: [String]) -> FieldProblem? {
        let areRight =
            names.count <= 8 && Set(names).count == names.count
            && names.allSatisfy {
                (1...1024).contains($0.utf8.count) && !$0.utf8.contains(0) && !$0.allSatisfy(\.isWhitespace)
            }
        guard !areRight else { return nil }
        return FieldProblem(
            field: "fallback_models", rule: "must be at most 8 names of models, each once, of 1 to 1024 bytes")
    }

    /// Whether an agent can have this name: it goes into paths, URLs and command lines as it is.
    public static func isName(_ text: String) -> Bool {
        let isAllowed = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
    }
}

extension FermataModelOptions {
    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        func check(_ field: String, _ isRight: Bool, _ rule: String) {
            if !isRight { problems.append(FieldProblem(field: field, rule: rule)) }
        }
        check("temperature", !hasTemperature || (0...2).contains(temperature), "must be from 0 to 2")
        check("top_p", !hasTopP || topP > 0 && topP <= 1, "must be more than 0 and at most 1")
        check("max_output_tokens", !hasMaxOutputTokens || maxOutputTokens > 0, "must be at least 1")
        check("reasoning_effort", reasoningEffort.utf8.count <= 64, "must have at most 64 bytes")
        check(
            "stop", stop.count <= 16 && stop.allSatisfy { (1...256).contains($0.utf8.count) },
            "must be at most 16 texts of 1 to 256 bytes")
        return problems
    }

    /// These options, and the others' where these say nothing.
    public func over(_ others: FermataModelOptions) -> FermataModelOptions {
        var result = others
        if hasTemperature { result.temperature = temperature }
        if hasTopP { result.topP = topP }
        if hasMaxOutputTokens { result.maxOutputTokens = maxOutputTokens }
        if hasSeed { result.seed = seed }
        if !reasoningEffort.isEmpty { result.reasoningEffort = reasoningEffort }
        if !stop.isEmpty { result.stop = stop }
        return result
    }
}

extension FermataLimits {
    /// Everything that is wrong; empty if nothing is.
    public var problems: [FieldProblem] {
        var problems: [FieldProblem] = []
        if hasMaxSteps, maxSteps == 0 { problems.append(FieldProblem(field: "max_steps", rule: "must be at least 1")) }
        if hasMaxCostNanoUsd, maxCostNanoUsd <= 0 {
            problems.append(FieldProblem(field: "max_cost_nano_usd", rule: "must be more than 0"))
        }
        if hasMaxRepeats, maxRepeats < 2 {
            problems.append(FieldProblem(field: "max_repeats", rule: "must be at least 2"))
        }
        return problems
    }

    /// These limits, and the others' where these say nothing.
    public func over(_ others: FermataLimits) -> FermataLimits {
        var result = others
        if hasMaxSteps { result.maxSteps = maxSteps }
        if hasMaxCostNanoUsd { result.maxCostNanoUsd = maxCostNanoUsd }
        if hasMaxRepeats { result.maxRepeats = maxRepeats }
        return result
    }
}
