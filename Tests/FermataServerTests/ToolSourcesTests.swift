import Dispatch
import FermataCore
import FermataProtocol
import Logging
import SwiftProtobuf
import Synchronization
import Testing
import Tools

@testable import FermataServer

/// What several sources offer together, and who executes what.
@Suite(.timeLimit(.minutes(1))) struct ToolSourcesTests {
    private final class Source: ToolSource {
        let origin = ToolOrigin.builtIn
        let longLivedProcesses: Int
        private let offered: Mutex<[ToolDefinition]>
        private let changed = Mutex<@Sendable () -> Void>({})
        private let isEnding = Mutex(false)

        init(_ names: [String], longLivedProcesses: Int = 0) {
            offered = Mutex(names.map(Source.tool))
            self.longLivedProcesses = longLivedProcesses
        }

        static func tool(_ name: String) -> ToolDefinition {
            ToolDefinition(name: name, description: "", parametersJSON: "{}", idempotent: false, parallel: false)
        }

        var tools: [ToolDefinition] { offered.withLock { $0 } }
        func whenToolsChange(_ changed: @escaping @Sendable () -> Void) { self.changed.withLock { $0 = changed } }

        func offer(_ tools: [ToolDefinition]) {
            offered.withLock { $0 = tools }
            changed.withLock { $0 }()
        }

        func descriptors(of tool: String) -> Int { 0 }

        func start(
            _ call: ToolCall, onOutput: @escaping @Sendable (String) -> Void,
            onEnd: @escaping @Sendable (ToolResult) -> Void
        ) -> any ToolExecution { EndedExecution() }

        /// Never says that it has ended.
        func shutDown(within time: Duration, onEnd: @escaping @Sendable () -> Void) { isEnding.withLock { $0 = true } }
    }

    private struct Lines: LogHandler {
        final class Store: Sendable { let lines = Mutex<[String]>([]) }

        let store: Store
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let text = "\(event.message) \(event.metadata?["tool"].map { "\($0)" } ?? "")"
            store.lines.withLock { $0.append(text) }
        }
    }

    private func sources(_ sources: [any ToolSource]) -> (ToolSources, Lines.Store) {
        let store = Lines.Store()
        return (ToolSources(sources, logger: Logger(label: "test") { _ in Lines(store: store) }), store)
    }

    /// A call of a tool in a run, as its state has it.
    private func call(_ tool: String, _ origin: FermataToolOrigin) throws -> Run.Call {
        var run = Run(id: RunID(microseconds: 1, random: 1))
        let kinds: [FermataEvent.OneOf_Kind] = [
            .launched(
                .with {
                    $0.tools = [
                        .with {
                            $0.name = tool
                            $0.origin = origin
                        }
                    ]
                }),
            .modelCalled(
                .with {
                    $0.step = 1
                    $0.attempt = 1
                }),
            .modelAnswered(
                .with {
                    $0.step = 1
                    $0.attempt = 1
                    $0.calls = [
                        .with {
                            $0.number = 1
                            $0.tool = tool
                            $0.arguments = "{}"
                        }
                    ]
                }),
        ]
        for kind in kinds { run.apply(.with { $0.kind = kind }) }
        return try #require(run.calls[number: 1])
    }

    @Test func theFirstOfANameIsOffered() throws {
        let (one, two) = (Source(["a", "b"]), Source(["b", "c", "ask_human", "no name", "c"], longLivedProcesses: 3))
        let (sources, log) = sources([one, two])
        #expect(sources.offered.map(\.name) == ["a", "b", "c", "ask_human"])
        #expect(sources.offers("c") && sources.offers("ask_human") && !sources.offers("no name"))
        #expect(sources.source(of: try call("b", .builtIn)) === one)
        #expect(sources.source(of: try call("c", .builtIn)) === two)
        // Whose calls they are, the origin says, and not the name.
        #expect(sources.source(of: try call("c", .worker)) == nil)
        #expect(sources.source(of: try call("ask_human", .core)) == nil)
        #expect(sources.source(of: try call("d", .builtIn)) == nil)
        #expect(sources.longLivedProcesses == 3)
        let lines = log.lines.withLock { $0 }
        #expect(lines.count == 4 && lines.allSatisfy { $0.hasPrefix("a tool of a source is not offered ") }, "\(lines)")
    }

    @Test func aChangeIsSeenAndWhatIsGoneIsServed() throws {
        let (one, two) = (Source(["a"]), Source(["b"]))
        let (sources, log) = sources([one, two])
        one.offer([Source.tool("c"), Source.tool("b")])
        #expect(sources.offered.map(\.name) == ["c", "b", "ask_human"])
        #expect(sources.source(of: try call("a", .builtIn)) === one)
        #expect(sources.source(of: try call("b", .builtIn)) === one)
        two.offer([])
        one.offer([])
        #expect(sources.offered.map(\.name) == ["ask_human"] && !sources.offers("c"))
        var broken = Source.tool("x\n\u{1B}[31m")
        broken.parametersJSON = "{"
        two.offer([broken, Source.tool("d")])
        #expect(sources.offered.map(\.name) == ["d", "ask_human"])
        let lines = log.lines.withLock { $0 }
        #expect(lines.count { $0.contains("other tools than before") } == 3, "\(lines)")
        #expect(!lines.joined().unicodeScalars.contains { $0.value < 0x20 })
        // It is not said again and again.
        let said = lines.count
        two.offer([broken, Source.tool("d")])
        #expect(log.lines.withLock { $0.count } == said)
    }

    /// The event that begins a run may have them all, and has to fit into a message.
    @Test func allTogetherHaveALimit() {
        let source = Source([])
        let (sources, log) = sources([source])
        let large = #"{"description":"\#(String(repeating: "x", count: 60_000))"}"#
        source.offer(
            (1...20).map { number in
                var tool = Source.tool("t\(number)")
                if number < 20 { tool.parametersJSON = large }
                return tool
            })
        // 17 large ones are less than a megabyte, and a small one has room after them.
        #expect(sources.offered.map(\.name) == (1...17).map { "t\($0)" } + ["t20", "ask_human"])
        let lines = log.lines.withLock { $0 }
        #expect(lines.count { $0.contains("it and those before it have more than") } == 2, "\(lines)")
    }

    /// The end does not wait for one that does not end.
    @Test func aSourceThatDoesNotEndIsLeft() {
        let (sources, log) = sources([Source(["a"]), BuiltInTools([])])
        let wait = sources.shutDown(within: .milliseconds(10))
        wait()
        #expect(log.lines.withLock { $0 } == ["a source of tools has not ended in time "])
    }

    @Test func whatIsBuiltInIsTheSameWithAndWithoutAServer() {
        let terminal = { (definition: ToolDefinition) in definition.name }
        #expect(
            FermataToolSpec.builtIn.map(\.name) == BuiltInTools.definitions.map(terminal) + CoreTool.all.map(\.name))
        #expect(FermataToolSpec.builtIn.map(\.resolvedOrigin) == [.builtIn, .builtIn, .core])
    }

    // MARK: - Descriptors

    @Test func lastingProcessesHaveAPartOfTheirOwn() throws {
        for limit in [58, 64, 128, 256, 1024, 1 << 20] {
            let without = try DescriptorPlan(limit: limit, hasWebhooks: false)
            #expect(without.longLived == 0 && without.longLivedProcesses == 0)
            for wanted in [1, 3, 100_000] {
                guard let plan = try? DescriptorPlan(limit: limit, hasWebhooks: true, longLivedProcesses: wanted) else {
                    #expect(limit < 72)
                    continue
                }
                #expect((1...wanted).contains(plan.longLivedProcesses))
                #expect(plan.longLived == plan.longLivedProcesses * LongLivedProcess.descriptors)
                #expect(plan.effects >= 4 && plan.longLived <= max(4, limit / 8))
                let all = plan.control + plan.subscribers + plan.effects + plan.webhooks + plan.idle + plan.longLived
                #expect(
                    all + DescriptorPlan.idleServer + DescriptorPlan.margin + DescriptorPlan.ofWebhooks + 2 == limit)
            }
        }
    }
}
