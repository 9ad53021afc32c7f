internal import FermataCore
internal import FermataProtocol
internal import SwiftProtobuf
internal import Toolbox

/// Which tools a run has: built-in ones, and those that workers serve.
extension LaunchCheck {
    var builtIn: [FermataToolSpec] {
        tools.map { tool in
            .with {
                $0.name = tool.name
                $0.description_p = tool.description
                $0.parameters = tool.parametersJSON
                $0.idempotent = tool.idempotent
                $0.parallel = tool.parallel
                if let reading = tool.reading {
                    $0.idempotentWhen = [
                        .with {
                            $0.pointer = "/\(reading.argument)"
                            $0.equals = JSONValue.string(reading.value).jsonText
                        }
                    ]
                }
            }
        }
    }

    /// Checks tools that workers serve.
    ///
    /// - Parameter field: where they are, for who is refused.
    /// - Returns: the same, marked as a worker's.
    func workerTools(_ specs: [FermataToolSpec], field: String) throws(Refusal) -> [FermataToolSpec] {
        if let problem = specs.problems(field: field).first { throw Refusal(problem) }
        var checked: [FermataToolSpec] = []
        for spec in specs {
            guard !tools.contains(where: { $0.name == spec.name }) else {
                throw Refusal(.invalidArgument, "a tool of this name is built in", details: ["field": "\(field).name"])
            }
            do throws(JSONSchemaError) {
                _ = try JSONSchema(parsing: spec.parameters)
            } catch {
                throw Refusal(
                    .invalidArgument, "\(field).parameters is not a schema: \(error.code.rawValue)",
                    details: ["field": "\(field).parameters"])
            }
            if let problem = spec.idempotentWhen.problems.first {
                // As the conditions of a policy's rule are told of, whose field is `when`.
                throw Refusal(
                    FieldProblem(field: "idempotent_\(problem.field)", rule: problem.rule).inside(field))
            }
            var spec = spec
            spec.byWorker = true
            checked.append(spec)
        }
        try Self.checkSize(checked, field: field)
        return checked
    }

    /// Names that are neither built in nor explained where they are named: only the registered tools can have them.
    func toolsToLookUp(_ launch: FermataLaunch, from agent: FermataAgent?) -> [String] {
        let known = Set(tools.map(\.name) + (launch.workerTools + (agent?.workerTools ?? [])).map(\.name))
        let names = launch.tools.isEmpty ? agent?.tools ?? [] : launch.tools
        return Set(names.prefix(Self.maximumNames)).subtracting(known).filter(FermataAgent.isName)
    }

    /// The tools that are named: built-in ones first. Where none is, all that are built in or explained there. What the
    /// launch explains comes before what the agent does, and this before what is registered.
    func chosenTools(
        _ launch: FermataLaunch, _ agent: FermataAgent, _ registered: [FermataToolSpec]
    ) throws(Refusal) -> [FermataToolSpec] {
        let own = try workerTools(launch.workerTools, field: "worker_tools")
        let agents = try workerTools(agent.workerTools, field: "agent.worker_tools")
        let inline = own + agents.filter { spec in !own.contains { $0.name == spec.name } }
        let names = launch.tools.isEmpty ? agent.tools : launch.tools
        guard names.count <= Self.maximumNames else {
            throw Refusal(
                .invalidArgument, "tools has more than \(Self.maximumNames) names", details: ["field": "tools"])
        }
        guard !names.isEmpty else { return builtIn + inline }
        let wanted = Set(names)
        let known = builtIn + inline + registered.filter { spec in !inline.contains { $0.name == spec.name } }
        let chosen = known.filter { wanted.contains($0.name) }
        guard chosen.count == wanted.count else {
            let builtIn = tools.map(\.name).joined(separator: ", ")
            throw Refusal(
                .invalidArgument,
                "tools names one that does not exist; there are \(builtIn), and those that workers have registered",
                details: ["field": "tools"])
        }
        try Self.checkSize(chosen, field: "tools")
        return chosen
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
