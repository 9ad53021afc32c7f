/// Where a tool comes from, of those that the service executes, as the definition in a run says it.
///
/// Who executes no call here has none: the core's own tools are decided with the run, and workers take their calls.
public enum ToolOrigin: Sendable, Hashable {
    /// It comes with the service.
    case builtIn
}

/// Something that offers tools and executes their calls: the tools that are built in, servers that speak a protocol, shells
/// that last.
///
/// **What is offered** may change while the service runs. A run keeps the definitions that it was launched with, and its
/// calls come to the source of the tool's origin that has offered a tool of that name, also when it does not any more: then
/// the call ends as failed, or is served still. A definition that cannot be used (a name that is none, a schema that is
/// none, a name that an earlier source has) is left out by the service and said in the log; the others are offered.
///
/// **A call** ends once, by `onEnd`, with what is true. A call without an answer is `unknown`: no source ever makes a call
/// again by itself.
///
/// **Descriptors.** A call begins when the service has places for `descriptors(of:)`, which it holds until its end. What
/// lasts longer than a call is not part of that: a `LongLivedProcess` is counted from its start to its end against a
/// ceiling of its own, of which the source says by `longLivedProcesses` how much it can use. A source that finds no room
/// for another process ends one that is idle, or its call as failed; it never waits for room with a call.
///
/// **A restart of the service** after its death ends every process of a source by a kill; some see the end of their input
/// the moment before. What survives is what the source has
/// put into files: in `ToolCall.state` for a run, or in a place of its own. A call that executed is lost, and the core
/// decides what becomes of it: it comes again, as a call like any other, only if that does no harm. Runs keep their
/// definitions, so a source that offers the same tools again serves them.
///
/// Threads: everything may be called on any thread, and nothing blocks. Ownership: whoever makes it calls `shutDown` before
/// letting go of it.
public protocol ToolSource: AnyObject, Sendable {
    var origin: ToolOrigin { get }

    /// What it offers now, with names that differ.
    var tools: [ToolDefinition] { get }

    /// - Parameter changed: is called after what `tools` says has changed, until the source is gone; never while the source
    ///   holds a lock that `tools` needs. To be called once, before the first `start`.
    func whenToolsChange(_ changed: @escaping @Sendable () -> Void)

    /// The most descriptors of this process that a call of this tool has open at once and closes with its end, but for the
    /// moment in which it starts.
    func descriptors(of tool: String) -> Int

    /// The most processes that it would have at once that last longer than a call.
    var longLivedProcesses: Int { get }

    /// Whether a call that was cancelled may go on unseen, because what executes it lives on. The model is told so.
    var callsMayGoOn: Bool { get }

    /// Executes one call. As `Tool.start`.
    func start(
        _ call: ToolCall,
        onOutput: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (ToolResult) -> Void
    ) -> any ToolExecution

    /// The run has ended here for good, and none of its calls executes: what lasts for it alone, as a shell, is ended and
    /// forgotten. Idempotent; of a run without calls as well. Its files are removed by the service.
    func forget(run: String)

    /// The service ends: no call executes any more, none will be started, and every process is ended, by its own way first
    /// and by a kill when the time is up.
    ///
    /// - Parameter onEnd: is called once, when nothing is left. Who does not call it in time is not waited for: the
    ///   supervisors kill what is left when the service is gone.
    func shutDown(within time: Duration, onEnd: @escaping @Sendable () -> Void)
}

/// Of a source whose tools stay the same and which has nothing that lasts longer than a call.
extension ToolSource {
    public func whenToolsChange(_ changed: @escaping @Sendable () -> Void) {}
    public var longLivedProcesses: Int { 0 }
    public var callsMayGoOn: Bool { false }
    public func forget(run: String) {}
    public func shutDown(within time: Duration, onEnd: @escaping @Sendable () -> Void) { onEnd() }
}
