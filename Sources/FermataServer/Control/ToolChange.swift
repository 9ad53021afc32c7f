internal import FermataCore
internal import FermataProtocol
internal import Journal
internal import RunRows
internal import SwiftProtobuf

/// A RegisterTools, decoded and checked.
struct ToolChange: Sendable {
    let tools: [FermataToolSpec]
    let worker: String
    let by: String
    let identity: RunLoop.CommandIdentity
}

/// Registered tools change through the loop, as stored agents do.
extension RunLoop {
    func handle(_ command: ToolChange) {
        var isChanged = false
        do {
            for tool in command.tools {
                let row = try batch.tools[tool.name] ?? writer.tool(tool.name)
                if let row, try FermataRegisteredTool(row).spec == tool { continue }
                isChanged = true
                batch.tools[tool.name] = ToolRow(
                    .with {
                        $0.spec = tool
                        $0.worker = command.worker
                        $0.registeredAt = Clock.now
                        $0.by = command.by
                    })
            }
        } catch { fail("the journal cannot be read", error) }
        remember(command.identity, try! FermataRegisterToolsReply.with { $0.changed = isChanged }.serializedBytes())
    }
}

extension RunLoop: RunSurroundings {
    func hasPrice(_ model: String) -> Bool { effects.hasPrice(model) }

    /// Whether a run could have a tool of this name. Asked only of names that a run's own tools do not have.
    func isTool(_ name: String) -> Bool {
        if effects.tools.offers(name) || batch.tools[name] != nil { return true }
        do {
            return try writer.tool(name) != nil
        } catch { fail("the journal cannot be read", error) }
    }
}
