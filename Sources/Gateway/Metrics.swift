internal import FermataProtocol

/// `Stats` in Prometheus' text format, version 0.0.4. That is a name and a number a line: a library for it would keep
/// registers of its own, and these numbers are the server's.
enum Metrics {
    static let type = "text/plain; version=0.0.4; charset=utf-8"

    static func text(_ stats: FermataStatsReply) -> String {
        var text = ""
        func add(_ name: String, _ kind: String, _ help: String, _ value: some CustomStringConvertible) {
            text += "# HELP fermata_\(name) \(help)\n# TYPE fermata_\(name) \(kind)\nfermata_\(name) \(value)\n"
        }
        func counter(_ name: String, _ help: String, _ value: UInt64) { add("\(name)_total", "counter", help, value) }
        func gauge(_ name: String, _ help: String, _ value: UInt64) { add(name, "gauge", help, value) }
        add("start_time_seconds", "gauge", "When the server started, since 1970.", Double(stats.startedAt) / 1e6)
        counter("requests", "Messages on the control socket.", stats.requests)
        counter("commands_accepted", "Commands that were accepted.", stats.commandsAccepted)
        counter("commands_refused", "Commands that were refused.", stats.commandsRefused)
        counter("commands_overloaded", "Of the refused: OVERLOADED.", stats.commandsOverloaded)
        counter("commits", "Commits to the journal.", stats.commits)
        counter("events", "Events that were journaled.", stats.events)
        counter("listener_restarts", "Listeners that the watchdog restarted.", stats.listenerRestarts)
        counter("model_calls", "Model calls that have ended.", stats.modelCalls)
        counter("input_tokens", "Input tokens of these.", stats.inputTokens)
        counter("cached_input_tokens", "Those of them that providers read from their caches.", stats.cachedInputTokens)
        counter("output_tokens", "Output tokens of these.", stats.outputTokens)
        counter(
            "cost_nano_usd", "What those cost whose cost is known, in billionths of a US dollar.", stats.costNanoUsd)
        counter("calls_of_unknown_cost", "Model calls that are not in that sum.", stats.callsOfUnknownCost)
        gauge("last_offset", "Offset of the last event.", stats.lastOffset)
        gauge("runs_in_memory", "Runs in memory.", stats.runsInMemory)
        gauge("model_calls_in_flight", "Model calls in flight.", stats.modelCallsInFlight)
        gauge("tools_executing", "Tools that execute.", stats.toolsExecuting)
        gauge("reads_waiting", "Reads that wait.", stats.readsWaiting)
        gauge("commands_queued", "Commands to be decided.", stats.commandsQueued)
        gauge("requests_in_progress", "Requests on the control socket without a reply yet.", stats.requestsInProgress)
        gauge("request_bytes", "Bytes of these requests.", stats.requestBytes)
        gauge("history_bytes", "Bytes of history that is encoded for model calls to come.", stats.historyBytes)
        gauge("store_bytes", "Bytes of the store without its log.", stats.storeBytes)
        gauge("log_bytes", "Bytes of the store's log.", stats.logBytes)
        gauge("store_is_full", "1 while the last commit found no room.", stats.storeIsFull ? 1 : 0)
        gauge("resident_bytes", "Resident memory of the server.", stats.residentBytes)
        gauge("open_descriptors", "Open descriptors of the server.", stats.descriptors)
        gauge("descriptor_limit", "The most that it may have.", stats.descriptorLimit)
        gauge("calls_waiting", "Model calls that wait for their provider.", stats.callsWaiting)
        gauge("effects_waiting", "Model calls and tools that wait for descriptors.", stats.effectsWaiting)
        gauge("effect_descriptors", "Descriptors that model calls and tools have.", stats.effectDescriptors)
        gauge("effect_descriptor_limit", "The most that they may have together.", stats.effectDescriptorLimit)
        gauge("control_connections", "Connections of the control socket.", stats.controlConnections)
        gauge("subscribers", "Connections of the event and text sockets.", stats.subscribers)
        counter("connections_closed", "Idle control connections closed for newcomers.", stats.connectionsClosed)
        counter("subscribers_refused", "Subscribers turned away for want of descriptors.", stats.subscribersRefused)
        return text
    }
}
