internal import FermataCore
internal import FermataProtocol
internal import FermataServer
internal import SwiftProtobuf

/// What can be said of an agent's guards without a server, and what cannot.
struct AgentJudgement {
    /// `KEY: what is wrong`.
    private(set) var mistakes: [String] = []
    /// `KEY: not judged: why`, and of schemas `KEY#POINTER: not checked: why`.
    private(set) var unjudged: [String] = []

    init(_ agent: FermataAgent) {
        let tools = FermataToolSpec.builtIn + agent.workerTools
        let names = tools.map(\.name)
        let listed = agent.tools.filter { !names.contains($0) }
        if !agent.model.isEmpty { leave("model", "which models there are, only a server knows") }
        if agent.limits.hasMaxCostNanoUsd {
            let model = agent.model.isEmpty ? "the model that it is launched with" : agent.model
            leave("limits.max_cost_usd", "whether \(model) has a price, only a server knows")
        }
        for spec in agent.workerTools {
            guard let problem = spec.idempotentWhen.unreachable(for: spec) else { continue }
            mistakes.append("worker_tools.\(spec.name).idempotent_\(problem.field): \(problem.rule)")
        }
        for (tool, pointer, reason) in agent.workerTools.uncheckedPlaces {
            unjudged.append("worker_tools.\(tool).parameters#\(pointer): not checked: \(reason)")
        }
        for name in listed + agent.policy.tools.map(\.tool) where !FermataAgent.isName(name) {
            mistakes.append("tools: no tool can be called '\(name.oneLine(64))'")
        }
        for name in listed { leave("tools", Self.unknown(name, among: names)) }
        for policy in agent.policy.tools {
            if !names.contains(policy.tool), !listed.contains(policy.tool),
                let near = nearest(to: policy.tool, among: names + listed)
            {
                // A guard for nothing, as it looks: what it was to guard would run.
                mistakes.append(
                    "policy.\(policy.tool): there is no \(policy.tool) here, is it \(near)? A tool that a worker has "
                        + "registered is named in tools as well")
            } else if !names.contains(policy.tool) {
                leave("policy.\(policy.tool)", Self.unknown(policy.tool, among: names + listed))
            }
            // Some of it can be told without the tool.
            let alone = FermataPolicy.with { $0.tools = [policy] }
            guard let problem = alone.unreachable(tools: tools, isTool: { _ in true }) else { continue }
            let key = problem.field.replacing("tools[0]", with: policy.tool, maxReplacements: 1)
            mistakes.append("policy.\(key): \(problem.rule)")
        }
    }

    private mutating func leave(_ key: String, _ why: String) { unjudged.append("\(key): not judged: \(why)") }

    private static func unknown(_ name: String, among known: [String]) -> String {
        let near = known.contains(name) ? nil : nearest(to: name, among: known)
        return "\(name) is not built in, nor in worker_tools; whether a worker has registered it, only a server knows"
            + (near.map { "; or is it \($0)?" } ?? "")
    }
}
