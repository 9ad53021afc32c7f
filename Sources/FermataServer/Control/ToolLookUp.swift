internal import FermataProtocol
internal import Journal
internal import Logging
internal import RunRows

/// Reads tools that workers have registered.
struct ToolLookUp: Sendable {
    let readers: ReaderPool

    /// Reads those of these tools that are registered.
    ///
    /// - Parameter body: called here and now for no names, else on the thread that looks things up.
    func read(_ names: [String], _ body: @escaping @Sendable (Result<RegisteredTools, Refusal>) -> Void) {
        guard !names.isEmpty else { return body(.success(RegisteredTools())) }
        readers.lookUp { reader in body(Result { try RegisteredTools(names, from: reader) }) }
    }
}

extension RegisteredTools {
    /// Those of these tools that are registered.
    init(_ names: [String], from reader: any JournalReading) throws {
        specs = try names.compactMap { try reader.tool($0) }.map { try FermataRegisteredTool($0).spec }
        if specs.count < names.count { others = try reader.tools(after: nil, limit: 64).map(\.name) }
    }
}

extension Logger {
    /// Says what of the tools' schemas is not checked.
    func noteUnchecked(_ tools: [FermataToolSpec]) {
        for (tool, pointer, reason) in tools.uncheckedPlaces {
            notice(
                "a part of a tool's schema is not checked",
                metadata: ["tool": "\(tool)", "pointer": "\(pointer)", "reason": "\(reason)"])
        }
    }
}
