internal import FermataCore
internal import FermataProtocol
internal import Glibc
internal import Models
internal import SwiftProtobuf

/// Turns a Launch into what the run will be launched with, or refuses it by name.
struct LaunchCheck: Sendable {
    let defaultModel: String
    let catalogue: ModelCatalogue
    let prices: Prices
    let tools: ToolSources
    /// Where runs get a workspace that ask for none.
    let workspaces: String

    /// - Parameters:
    ///   - stored: the agent that the command names; nil if it names none.
    ///   - registered: those of `toolsToLookUp` that are registered.
    func launched(
        _ launch: FermataLaunch, from stored: FermataStoredAgent?, registered: RegisteredTools, as id: RunID
    ) throws(Refusal) -> FermataLaunched {
        let agent = stored?.agent ?? FermataAgent()
        let model = [launch.model, agent.model, defaultModel].first { !$0.isEmpty } ?? ""
        guard !model.isEmpty else {
            throw Refusal(
                .unknownModel, "no model is named, and the server has no default: set LLM_MODEL, or name one",
                details: ["field": "model"])
        }
        try catalogue.check(model)
        let fallbacks = launch.fallbackModels.isEmpty ? agent.fallbackModels : launch.fallbackModels
        try checkFallbacks(fallbacks)
        guard launch.task.utf8.count <= Configuration.maximumTextBytes,
            launch.systemPrompt.utf8.count <= Configuration.maximumTextBytes
        else {
            throw Refusal(.invalidArgument, "a text is longer than \(Configuration.maximumTextBytes) bytes")
        }
        let notes = launch.labels.reduce(model.utf8.count) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard notes <= Configuration.maximumNoteBytes else {
            throw Refusal(
                .invalidArgument, "labels and the model's name are longer than \(Configuration.maximumNoteBytes) bytes",
                details: ["field": "labels"])
        }
        let problems =
            launch.modelOptions.problems.map { $0.inside("model_options") }
            + launch.limits.problems.map { $0.inside("limits") }
            + launch.policy.problems.map { $0.inside("policy") }
        if let problem = problems.first { throw Refusal(problem) }
        let chosen = try chosenTools(launch, agent, registered)
        let known = try knownTools(launch, agent, registered)
        try check(launch.policy, field: "policy", known, registered)
        // What the launch says of a tool takes the place of what the agent does.
        try check(agent.policy, field: "agent.policy", known, registered, but: launch.policy)
        let limits = launch.limits.over(agent.limits)
        for model in [model] + fallbacks where limits.hasMaxCostNanoUsd && !prices.has(model) {
            throw Refusal.noPrice(of: model, field: "limits.max_cost_nano_usd")
        }
        try checkWorkspace(launch.workspace)
        let prompt = [launch.systemPrompt, agent.systemPrompt, Configuration.builtInPrompt].first { !$0.isEmpty } ?? ""
        return .with {
            $0.agent = stored?.agent.name ?? "default"
            $0.agentVersion = stored?.version ?? 0
            $0.model = model
            $0.fallbackModels = fallbacks
            $0.patienceMs =
                [launch.patienceMs, agent.patienceMs].first { $0 > 0 } ?? Configuration.defaultPatienceMilliseconds
            $0.modelOptions = launch.modelOptions.over(agent.modelOptions)
            $0.limits = limits
            $0.systemPrompt = prompt
            $0.tools = chosen
            $0.workspace = launch.workspace.isEmpty ? ownWorkspace(of: id) : launch.workspace
            $0.ownWorkspace = launch.workspace.isEmpty
            $0.modelAttempts =
                [launch.modelAttempts, agent.modelAttempts].first { $0 > 0 } ?? Configuration.defaultModelAttempts
            $0.labels = launch.labels
            $0.rendering = Rendering.current.rawValue
            $0.policy = launch.policy.over(agent.policy)
            $0.holdAt = launch.holdAt
            $0.ownWorkspace = launch.workspace.isEmpty
        }
    }

    /// What only a server knows of an agent: its model, what that costs, and its tools. Without a model of its own what
    /// it costs is looked at when it is launched.
    func check(_ agent: FermataAgent, registered: RegisteredTools) throws(Refusal) {
        if !agent.model.isEmpty { try catalogue.check(agent.model) }
        try checkFallbacks(agent.fallbackModels, in: "agent.")
        for model in [agent.model] + agent.fallbackModels
        where !model.isEmpty && agent.limits.hasMaxCostNanoUsd && !prices.has(model) {
            throw Refusal.noPrice(of: model, field: "agent.limits.max_cost_nano_usd")
        }
        _ = try chosenTools(.init(), agent, registered)
        if let problem = agent.policy.problems.first { throw Refusal(problem.inside("agent.policy")) }
        try check(agent.policy, field: "agent.policy", knownTools(.init(), agent, registered), registered)
    }

    /// - Parameter prefix: what stands before the field's name.
    private func checkFallbacks(_ models: [String], in prefix: String = "") throws(Refusal) {
        if let problem = FermataAgent.problem(ofFallbackModels: models) {
            throw Refusal(FieldProblem(field: prefix + problem.field, rule: problem.rule))
        }
        for model in models { try catalogue.check(model, field: prefix + "fallback_models") }
    }

    /// Where a run works that was given no directory; made when it is needed first.
    func ownWorkspace(of run: RunID) -> String { "\(workspaces)/\(run)" }

    /// - Throws: INVALID_ARGUMENT unless the server can write a directory of this name; empty: none is named.
    func checkWorkspace(_ path: String) throws(Refusal) {
        guard !path.isEmpty else { return }
        guard path.hasPrefix("/") else {
            throw Refusal(.invalidArgument, "workspace is not an absolute path", details: ["field": "workspace"])
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw Refusal(.invalidArgument, "workspace is no directory on the server", details: ["field": "workspace"])
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw Refusal(
                .invalidArgument, "workspace cannot be written by the server", details: ["field": "workspace"])
        }
    }

    /// - Throws: NO_WORKSPACE unless the server can write the directory in which a run has worked elsewhere or before.
    func checkOldWorkspace(_ path: String) throws(Refusal) {
        do {
            try checkWorkspace(path)
        } catch {
            throw Refusal(.noWorkspace, "the run has worked in a directory that is not here, or cannot be written")
        }
    }
}
