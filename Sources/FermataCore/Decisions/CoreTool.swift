public import FermataProtocol
internal import SwiftProtobuf

/// A tool of the core's own. Nobody executes its calls: what a call means is decided with the run, in the same commit in
/// which its turn comes, and it is never `started`.
///
/// `all` is the one table of them. A new one is a row there, with what the model is told of it and what its calls come
/// to; nothing else of the core, of the server or of the command line knows a tool by its name.
///
/// A value; threads: any.
public struct CoreTool: Sendable {
    /// What the model is told of it, of origin `CORE`.
    public let spec: FermataToolSpec

    /// A call of it opens an ask: a policy may set a deadline for that, also where it lets every call run.
    let asksPeople: Bool

    /// What is wrong with arguments that fit the schema, as the model is told; nil: nothing. It reads the arguments only.
    let problem: @Sendable (JSONValue) -> String?

    /// What a call comes to that nothing holds back any more and whose turn it is. It must end the call or open an ask of
    /// it: a call that is still selected afterwards would be decided again without end.
    let decide: @Sendable (inout Decision, Run.Call) -> Void

    public var name: String { spec.name }

    /// All that there are, in the order in which models are shown them. Their names differ.
    public static let all: [CoreTool] = [.askHuman]

    /// The one of this name. Whether a run's tool of this name is the core's, its origin says.
    static func named(_ name: String) -> CoreTool? { all.first { $0.name == name } }

    /// The one that a run's tool is; nil if it is none of this version's.
    init?(_ tool: FermataToolSpec) {
        guard tool.resolvedOrigin == .core, let known = CoreTool.named(tool.name) else { return nil }
        self = known
    }

    init(
        name: String, description: String, parameters: String, idempotent: Bool, parallel: Bool, asksPeople: Bool,
        problem: @escaping @Sendable (JSONValue) -> String?,
        decide: @escaping @Sendable (inout Decision, Run.Call) -> Void
    ) {
        spec = .with {
            $0.name = name
            $0.description_p = description
            $0.parameters = parameters
            $0.idempotent = idempotent
            $0.parallel = parallel
            $0.origin = .core
        }
        self.asksPeople = asksPeople
        self.problem = problem
        self.decide = decide
    }
}

extension Decision {
    /// A call of a tool of the core's own, whose turn it is.
    mutating func decideCoreCall(_ call: Run.Call) {
        if let tool = run.spec.tool(call.tool).flatMap(CoreTool.init) { return tool.decide(&self, call) }
        // The run was launched by a later version, which has more of them.
        end(
            call.number, attempt: call.attempt,
            ToolReply(outcome: .callFailed, output: "This server does not have the tool."))
    }
}
