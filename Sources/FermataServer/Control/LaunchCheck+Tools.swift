internal import FermataCore
public import FermataProtocol
internal import JSON
internal import SwiftProtobuf

/// Which tools a run has: those that the server's sources and the core offer, and those that workers serve.
extension LaunchCheck {
    /// Checks tools that workers serve.
    ///
    /// - Parameter field: where they are, for who is refused.
    /// - Returns: the same, marked as a worker's.
    func workerTools(_ specs: [FermataToolSpec], field: String) throws(Refusal) -> [FermataToolSpec] {
        if let refusal = Self.refusal(of: specs, field: field, builtIn: Set(tools.offered.map(\.name))) {
            throw refusal
        }
        let checked = specs.map { spec in
            var spec = spec
            spec.origin = .worker
            // For clients from before there was an origin.
            spec.byWorker = true
            return spec
        }
        try Self.checkSize(checked, field: field)
        return checked
    }

    /// Names, in lists of tools and in policies, that are neither built in nor explained where they are named: only the
    /// registered tools can have them.
    func toolsToLookUp(_ launch: FermataLaunch, from agent: FermataAgent?) -> [String] {
        let known = Set(
            tools.offered.map(\.name) + (launch.workerTools + (agent?.workerTools ?? [])).map(\.name))
        let names = launch.tools.isEmpty ? agent?.tools ?? [] : launch.tools
        let guarded = (launch.policy.tools.prefix(256) + (agent?.policy.tools.prefix(256) ?? [])).map(\.tool)
        // In one order: what a request begins with is to be the same in every run, as providers' caches want it.
        return Set(names.prefix(Self.maximumNames) + guarded).subtracting(known).filter(FermataAgent.isName).sorted()
    }

    /// The tools that are named: built-in ones first. Where no name is given, all that are built in or explained there; for
    /// `none`, alone, not one. What the launch explains comes before what the agent does, and this before what is registered.
    func chosenTools(
        _ launch: FermataLaunch, _ agent: FermataAgent, _ registered: RegisteredTools
    ) throws(Refusal) -> [FermataToolSpec] {
        let names = launch.tools.isEmpty ? agent.tools : launch.tools
        guard names.count <= Self.maximumNames else {
            throw Refusal(
                .invalidArgument, "tools has more than \(Self.maximumNames) names", details: ["field": "tools"])
        }
        guard !names.isEmpty else { return try knownTools(launch, agent, RegisteredTools()) }
        let wanted = Set(names)
        let known = try knownTools(launch, agent, registered)
        if wanted.contains(FermataAgent.noTools), !known.contains(where: { $0.name == FermataAgent.noTools }) {
            guard wanted.count == 1 else {
                throw Refusal(
                    .invalidArgument, "tools names \(FermataAgent.noTools), which is no tool at all, beside others",
                    details: ["field": "tools"])
            }
            return []
        }
        if let unknown = names.first(where: { name in !known.contains { $0.name == name } }) {
            throw Refusal(.noSuchTool(unknown, among: known.map(\.name) + registered.others, field: "tools"))
        }
        let chosen = known.filter { wanted.contains($0.name) }
        try Self.checkSize(chosen, field: "tools")
        return chosen
    }

    /// All tools that a launch can name, of each name one.
    func knownTools(
        _ launch: FermataLaunch, _ agent: FermataAgent, _ registered: RegisteredTools
    ) throws(Refusal) -> [FermataToolSpec] {
        // Each is looked at once: what is offered may be something else at the next look.
        var known = tools.offered
        for spec in try inlineTools(launch, agent) + registered.specs
        where !known.contains(where: { $0.name == spec.name }) {
            known.append(spec)
        }
        return known
    }

    private func inlineTools(_ launch: FermataLaunch, _ agent: FermataAgent) throws(Refusal) -> [FermataToolSpec] {
        let own = try workerTools(launch.workerTools, field: "worker_tools")
        let agents = try workerTools(agent.workerTools, field: "agent.worker_tools")
        return own + agents.filter { spec in !own.contains { $0.name == spec.name } }
    }

    /// - Parameter other: a policy whose tools are not looked at: this one says nothing of them.
    /// - Throws: INVALID_ARGUMENT for a policy of which something can never act.
    func check(
        _ policy: FermataPolicy, field: String, _ known: [FermataToolSpec], _ registered: RegisteredTools,
        but other: FermataPolicy = .init()
    ) throws(Refusal) {
        let old = FermataPolicy.with { $0.tools = policy.tools.filter { other.of($0.tool) != nil } }
        guard let problem = policy.unreachable(tools: known, others: registered.others, old: old) else { return }
        throw Refusal(problem.inside(field))
    }

    private static let maximumNames = 1024

    /// The event that begins a run has all its tools, and has to fit into a message.
    private static func checkSize(_ specs: [FermataToolSpec], field: String) throws(Refusal) {
        let bytes = specs.reduce(0) { sum, spec in
            let conditions = spec.idempotentWhen.isEmpty ? 0 : (try? spec.serializedBytes() as [UInt8])?.count ?? 0
            return sum + spec.description_p.utf8.count + spec.parameters.utf8.count + conditions
        }
        guard bytes <= Configuration.maximumToolBytes else {
            throw Refusal(
                .invalidArgument, "\(field) has more than \(Configuration.maximumToolBytes) bytes",
                details: ["field": field])
        }
    }
}

/// What is known of tools that workers have registered.
struct RegisteredTools: Sendable {
    /// Those that were looked up and found.
    var specs: [FermataToolSpec] = []
    /// Where one was not found, the names of some others: one of them may have been meant.
    var others: [String] = []
}

extension LaunchCheck {
    /// More would not help whoever has to mend them.
    private static let maximumToolProblems = 50

    /// Everything that is wrong with tools that workers serve. Each mistake is a detail: its key is the tool by its index
    /// and the field, in a schema with the JSON pointer into it, as `tools[3].parameters#/properties/age/type`; its value
    /// says why. `field` is that of the first, without the index.
    static func refusal(of specs: [FermataToolSpec], field: String, builtIn: Set<String>) -> Refusal? {
        var problems = specs.problems(field: field)
        // Too many are not looked at one by one.
        guard specs.count <= FermataToolSpec.maximumCount else { return problems.first.map(Refusal.init) }
        for (index, spec) in specs.enumerated() {
            let place = "\(field)[\(index)]"
            if builtIn.contains(spec.name) {
                problems.append(FieldProblem(field: "\(place).name", rule: "is that of a tool that is built in"))
            }
            // One that is too long or missing has been told of.
            guard spec.hasParametersOfRightLength else { continue }
            do throws(JSONSchemaError) {
                _ = try ParsedSchemas.shared.schema(spec.parameters)
            } catch {
                problems += error.problems.map {
                    FieldProblem(field: "\(place).parameters#\($0.pointer)", rule: $0.reason)
                }
                continue
            }
            if let problem = spec.idempotentWhen.problems.first ?? spec.idempotentWhen.unreachable(for: spec) {
                // As the conditions of a policy's rule are told of, whose field is `when`.
                problems.append(
                    FieldProblem(field: "idempotent_\(problem.field)", rule: problem.rule).inside(place))
            }
        }
        guard let first = problems.first else { return nil }
        let shown = problems.prefix(maximumToolProblems)
        var details = Dictionary(shown.map { ($0.field, $0.rule) }, uniquingKeysWith: { "\($0); \($1)" })
        details["field"] = String(first.field.prefix { $0 != "#" }).replacing(/^([a-z_.]+)\[\d+\]/) { $0.1 }
        let more = problems.count - shown.count
        return Refusal(
            .invalidArgument,
            shown.map(sentence).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : ""), details: details)
    }
}

/// For a person: a place in a schema is told apart from its tool's field.
private func sentence(_ problem: FieldProblem) -> String {
    guard let mark = problem.field.firstIndex(of: "#") else { return problem.description }
    let pointer = problem.field[problem.field.index(after: mark)...]
    return "\(problem.field[..<mark]) is not a schema\(pointer.isEmpty ? "" : " at \(pointer)"): \(problem.rule)"
}

extension [FermataToolSpec] {
    /// What of their schemas is taken and not checked: the tool, the JSON pointer into its schema, and why.
    public var uncheckedPlaces: [(tool: String, pointer: String, reason: String)] {
        flatMap { spec in
            ((try? ParsedSchemas.shared.schema(spec.parameters).unchecked) ?? []).map {
                (spec.name, $0.pointer, $0.reason)
            }
        }
    }
}
