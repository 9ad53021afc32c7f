/// The tools that come with the service. They never change, and nothing of them lasts longer than a call but files.
///
/// Threads: any.
public final class BuiltInTools: ToolSource {
    /// What models are told of them, in the order in which they are shown.
    public static let definitions: [ToolDefinition] = [.terminal, .fileEditor]

    public var origin: ToolOrigin { .builtIn }
    public let tools: [ToolDefinition]

    private let byName: [String: any Tool]

    /// - Parameter tools: with names that differ, in the order in which models are shown them.
    public init(_ tools: [any Tool]) {
        self.tools = tools.map(\.definition)
        byName = Dictionary(uniqueKeysWithValues: tools.map { ($0.definition.name, $0) })
    }

    public func descriptors(of tool: String) -> Int { byName[tool]?.descriptors ?? 0 }

    public func start(
        _ call: ToolCall,
        onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution {
        if let tool = byName[call.tool] { return tool.start(call, onOutput: onOutput, onEnd: onEnd) }
        onEnd(ToolResult(outcome: .failed, output: ToolOutput(text: "This server does not have the tool.")))
        return EndedExecution()
    }
}

/// A call that has ended before it began.
public struct EndedExecution: ToolExecution {
    public init() {}
    public func cancel() {}
    public func takeOutput() -> ToolOutput { ToolOutput(text: "") }
}
