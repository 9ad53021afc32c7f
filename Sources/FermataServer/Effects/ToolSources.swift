internal import Dispatch
internal import FermataCore
public import FermataProtocol
internal import JSON
internal import Logging
internal import SwiftProtobuf
internal import Synchronization
internal import Tools

/// The sources of the tools that this server executes, and what they offer together with the core.
///
/// Threads: any. A source says on a thread of its own that it offers something else; what is offered is read anew then, by
/// one after the other, so that the last who reads sees all changes.
final class ToolSources: Sendable {
    private struct Name: Hashable {
        let origin: FermataToolOrigin
        let tool: String
    }

    private struct State {
        var offered: [FermataToolSpec] = []
        var names: Set<String> = []
        /// Who offers a tool, or did: runs that were launched with it have it still.
        var owners: [Name: any ToolSource] = [:]
        /// What was left out, and is known to have been said.
        var leftOut: Set<String> = []
    }

    private let sources: [any ToolSource]
    private let logger: Logger
    private let state = Mutex(State())
    /// Held by who reads anew: the loop, which asks `state`, does not wait while schemas are parsed.
    private let reading = Mutex(())

    /// - Parameter sources: of tools with the same name the one of the first is offered.
    init(_ sources: [any ToolSource], logger: Logger) {
        self.sources = sources
        self.logger = logger
        for source in sources {
            source.whenToolsChange { [weak self] in self?.read(isChange: true) }
        }
        read(isChange: false)
    }

    /// What a launch can name without a worker: the sources' tools, then the core's own.
    var offered: [FermataToolSpec] { state.withLock { $0.offered } }

    /// Whether `offered` has a tool of this name.
    func offers(_ tool: String) -> Bool { state.withLock { $0.names.contains(tool) } }

    /// Who executes a call; nil: nobody here has ever offered the tool.
    func source(of call: Run.Call) -> (any ToolSource)? {
        state.withLock { $0.owners[Name(origin: call.origin, tool: call.tool)] }
    }

    /// Processes that the sources would have at once that last longer than a call.
    var longLivedProcesses: Int { sources.reduce(0) { $0 + $1.longLivedProcesses } }

    /// The run has ended here for good.
    func forget(_ run: RunID) { for source in sources { source.forget(run: run.description) } }

    /// Ends all sources at once.
    ///
    /// - Returns: what waits until all have ended, or that time is over.
    func shutDown(within time: DispatchTimeInterval) -> () -> Void {
        let deadline = DispatchTime.now() + time
        let group = DispatchGroup()
        for source in sources {
            group.enter()
            source.shutDown(within: time.duration) { group.leave() }
        }
        return { [logger] in
            if group.wait(timeout: deadline) == .timedOut { logger.warning("a source of tools has not ended in time") }
        }
    }

    private func read(isChange: Bool) {
        let news = reading.withLock { _ in
            let before = state.withLock { $0 }
            var now = State(owners: before.owners)
            now.names = Set(CoreTool.all.map(\.name))
            var bytes = 0
            for source in sources {
                let origin = FermataToolOrigin(source.origin)
                for tool in source.tools {
                    let spec = FermataToolSpec(tool, origin)
                    let size = spec.description_p.utf8.count + spec.parameters.utf8.count
                    if let problem = Self.problem(with: spec, beside: now.names, bytes: bytes + size) {
                        now.leftOut.insert("\(tool.name.oneLine): \(problem)")
                        continue
                    }
                    bytes += size
                    now.names.insert(spec.name)
                    now.offered.append(spec)
                    now.owners[Name(origin: origin, tool: spec.name)] = source
                }
            }
            now.offered += CoreTool.all.map(\.spec)
            state.withLock { [now] in $0 = now }
            return (isNew: now.offered != before.offered, leftOut: now.leftOut.subtracting(before.leftOut))
        }
        for line in news.leftOut.sorted() {
            logger.warning("a tool of a source is not offered", metadata: ["tool": "\(line)"])
        }
        if isChange, news.isNew { logger.notice("a source offers other tools than before: new runs have them") }
    }

    /// Why a definition cannot be offered; nil if it can.
    ///
    /// - Parameter bytes: of it and those before it: the event that begins a run may have them all.
    private static func problem(with spec: FermataToolSpec, beside names: Set<String>, bytes: Int) -> String? {
        if let problem = [spec].problems(field: "tools").first { return problem.description }
        guard !names.contains(spec.name) else { return "there is a tool of this name already" }
        guard bytes <= Configuration.maximumToolBytes else {
            return "it and those before it have more than \(Configuration.maximumToolBytes) bytes"
        }
        do {
            _ = try ParsedSchemas.shared.schema(spec.parameters)
            return nil
        } catch {
            return "its schema cannot be used: \(error)"
        }
    }
}

extension FermataToolOrigin {
    init(_ origin: ToolOrigin) {
        switch origin {
        case .builtIn: self = .builtIn
        }
    }
}

extension FermataToolSpec {
    /// The tools that every server has: those that are built in, and the core's own.
    public static let builtIn: [FermataToolSpec] =
        BuiltInTools.definitions.map { FermataToolSpec($0, .builtIn) } + CoreTool.all.map(\.spec)

    fileprivate init(_ tool: ToolDefinition, _ origin: FermataToolOrigin) {
        self.init()
        self.origin = origin
        name = tool.name
        description_p = tool.description
        parameters = tool.parametersJSON
        idempotent = tool.idempotent
        parallel = tool.parallel
        if let reading = tool.reading {
            idempotentWhen = [
                .with {
                    $0.pointer = "/\(reading.argument)"
                    $0.equals = JSONValue.string(reading.value).jsonText
                }
            ]
        }
    }
}

extension String {
    /// For a line of the log: a name may be anything.
    fileprivate var oneLine: String {
        String(String(String.UnicodeScalarView(unicodeScalars.prefix(64).map { $0.value < 0x20 ? "?" : $0 })))
    }
}

extension DispatchTimeInterval {
    fileprivate var duration: Duration {
        switch self {
        case .seconds(let number): .seconds(number)
        case .milliseconds(let number): .milliseconds(number)
        case .microseconds(let number): .microseconds(number)
        case .nanoseconds(let number): .nanoseconds(number)
        default: .zero
        }
    }
}
