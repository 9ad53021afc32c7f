internal import FermataCore
internal import FermataProtocol
internal import Logging
internal import Threads

/// Launches, of runs and of children.
struct LaunchHandler: FrameHandler {
    let entry: CommandEntry
    let runs: RunLookUp
    let agents: AgentLookUp
    let tools: ToolLookUp
    let contents: ContentLookUp
    let launches: LaunchCheck
    /// Looks at workspaces: a file system that hangs holds up launches and forks, and nothing else.
    let thread: WorkThread
    let logger: Logger

    var routes: [Route] { [.command(entry, launch)] }

    private func launch(_ launch: FermataLaunch, _ exchange: Exchange, _ complete: @escaping Exchange.Completion) {
        contents.complete(launch.task, launch.blocks) { task in
            // The run's id, unless the command turns out to be a repeat.
            let id = RunID(microseconds: Clock.now, random: UInt64.random(in: 0...UInt64.max))
            agents.read(launch.agent) { agent in
                let stored = try? agent.get()
                tools.read(launches.toolsToLookUp(launch, from: stored?.agent)) { registered in
                    thread.run {
                        entry.refusing(launch, complete) {
                            let task = try task.get()
                            let launched = try launches.launched(
                                launch, from: agent.get(), registered: registered.get(), as: id)
                            logger.noteUnchecked(launch.workerTools)
                            try submit(launch, launched, task, as: id, exchange, complete)
                        }
                    }
                }
            }
        }
    }

    private func submit(
        _ launch: FermataLaunch, _ launched: FermataLaunched, _ task: Content, as id: RunID, _ exchange: Exchange,
        _ complete: @escaping Exchange.Completion
    ) throws {
        guard !launch.parent.isEmpty else {
            return try entry.submit(launch, to: id, .launch(launched, task: task), exchange, complete)
        }
        try runs.find(launch.parent) { parent in
            entry.refusing(launch, complete) {
                try entry.submit(
                    launch, to: parent.get(), .launchChild(id, launched, task: task), exchange, complete, child: id)
            }
        }
    }
}
