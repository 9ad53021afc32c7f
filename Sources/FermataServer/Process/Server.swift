internal import FermataCore
internal import FermataProtocol
public import Logging
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Journal
internal import JournalSQLite
internal import Models
internal import NNG
internal import SwiftProtobuf
internal import Synchronization
internal import Threads
internal import Tools

/// The service: owns the store, the loop, the sockets and their lifetimes.
///
/// Threads: `start` and `shutDown` block, and are called from one thread that is not of the cooperative pool.
public final class Server {
    private let configuration: Configuration
    /// Where commands are taken.
    public var controlURL: String { configuration.controlURL }
    private let logger: Logger
    private let tools: ToolSources
    private let loop: RunLoop
    private let control: ReplySocket
    private let events: PublishSocket
    private let text: PublishSocket

    /// Opens the store, recovers what was in flight, then opens the sockets.
    ///
    /// - Throws: `StartFailure`, with one line that says what is wrong.
    public convenience init(_ configuration: Configuration, logger: Logger) throws {
        try self.init(configuration, logger: logger) { _ in [] }
    }

    /// - Parameter moreSources: makes the sources of tools beside those that are built in; all their processes are of the
    ///   one `ToolProcesses` of the server.
    convenience init(
        _ configuration: Configuration, logger: Logger, moreSources: (ToolProcesses) throws -> [any ToolSource]
    ) throws {
        Heap.givesLargeBlocksBack()
        let (processes, builtIn) = try Self.builtInTools(configuration, adoptsOrphans: true)
        let tools = ToolSources([builtIn] + (try moreSources(processes)), logger: logger)
        let plan = try DescriptorPlan(
            limit: FreeDescriptors.limit, hasWebhooks: !configuration.webhooks.isEmpty,
            longLivedProcesses: tools.longLivedProcesses)
        processes.limitLongLivedProcesses(to: plan.longLivedProcesses)
        HTTPModel.limitIdleConnections(to: plan.idle)
        try Self.makeDirectory(configuration.directory)
        var options = JournalOptions()
        options.durability = configuration.durability == .full ? .full : .normal
        try Self.refuseIfTheStoreIsGone(from: configuration.directory)
        let hasLostItsMark = Self.hasLostItsMark(in: configuration.directory)
        let hasHalfAMark = StoreFile.hasHalfAMark(path: configuration.directory + "/fermata.db")
        let journal = try SQLiteJournal(
            path: configuration.directory + "/fermata.db", options: options, keepingLogShort: logger)
        if hasLostItsMark {
            logger.warning(
                "the store has no mark beside it: whether it is an older copy of itself nobody can tell",
                metadata: ["dir": "\(configuration.directory)"])
        }
        if hasHalfAMark {
            logger.warning(
                "the newer half of the store's mark, or the older one, is damaged: the other half agrees with the store",
                metadata: ["dir": "\(configuration.directory)"])
        }
        CutIndex.endsProcess(status: 70)
        try self.init(configuration, journal: journal, tools, plan, logger: logger)
    }

    /// - Parameter adoptsOrphans: see `ToolProcesses`; only for a process that is the service and nothing else.
    static func builtInTools(
        _ configuration: Configuration, adoptsOrphans: Bool
    ) throws -> (processes: ToolProcesses, source: BuiltInTools) {
        let processes = try ToolProcesses(
            supervisor: configuration.supervisor ?? ToolProcesses.defaultSupervisor, adoptsOrphans: adoptsOrphans)
        let secrets = configuration.allSecrets
        let source = BuiltInTools([
            Terminal(processes: processes, environment: configuration.environment, secrets: secrets),
            FileEditor(secrets: secrets),
        ])
        return (processes, source)
    }

    /// A service on any journal. Nothing here, nor in what is made here, knows where the journal's bytes lie.
    ///
    /// - Parameters:
    ///   - configuration: its directory is there.
    ///   - tools: all sources of them; it ends them.
    ///   - plan: of the process's descriptors.
    init(
        _ configuration: Configuration, journal: any Journal, _ tools: ToolSources, _ plan: DescriptorPlan,
        logger: Logger
    ) throws {
        self.configuration = configuration
        self.tools = tools
        self.logger = logger
        let secrets = configuration.allSecrets
        let readers = ReaderPool(threads: 2, logger: logger) { try journal.openReader() }
        let instance = RunID(microseconds: Clock.now, random: UInt64.random(in: 0...UInt64.max)).description
        events = try PublishSocket()
        text = try PublishSocket()
        let textPublisher = TextPublisher(socket: text)
        let catalogue = ModelCatalogue(
            configuration.models, silence: configuration.modelSilence, secrets: secrets,
            prices: configuration.prices, logger: logger)
        let published = PublishedRuns()
        let counters = Counters()
        let seal = try TokenSeal(file: configuration.directory + "/token.key")
        let accessTokens = AccessTokens(seal: seal)
        let reader = try journal.openReader()
        if seal.isNew, try reader.lastOffset() > 0 {
            logger.warning(
                """
                there was no token.key where this store has been used: tokens to resume and to answer that were given \
                before are not taken any more
                """)
        }
        let waiters = Waiters(limit: min(Configuration.waitingReads, plan.waitingReads))
        let offers = CallOffers(waiters: waiters, readers: readers, counters: counters)
        let clockFile = try ClockFile(path: configuration.directory + "/clock", reader)
        loop = RunLoop(
            writer: try journal.openWriter(), reader: reader, published: published, waiters: waiters,
            offers: offers, publisher: EventPublisher(socket: events, instance: instance),
            effects: EffectRunner(
                models: ModelRunner(
                    catalogue: catalogue, prices: configuration.prices, readers: readers, text: textPublisher,
                    secrets: secrets, logger: logger),
                tools: tools, text: textPublisher, secrets: secrets, counters: counters,
                toolState: configuration.directory + "/toolstate", descriptors: plan.effects),
            readers: readers,
            webhooks: Webhooks(
                configuration.webhooks, askTokens: AskTokens(seal: seal), descriptors: plan.webhooks, logger: logger),
            accessTokens: accessTokens, counters: counters, clockFile: clockFile, logger: logger)
        let answers = WorkThread("fermata-answer")
        let shortage = ShortageLog(plan, logger)
        let handler = Control(
            inbox: loop.inbox, readers: readers, published: published, waiters: waiters, offers: offers,
            launches: LaunchCheck(
                defaultModel: configuration.models.defaultModel, catalogue: catalogue, prices: configuration.prices,
                tools: tools, workspaces: configuration.directory + "/workspaces"),
            effects: loop.effects, seal: seal, accessTokens: accessTokens, secrets: secrets,
            hello: Self.hello(configuration, plan, instance: instance), counters: counters, answers: answers,
            journal: journal, directory: configuration.directory, logger: logger)
        let desk = ControlDesk(counters: counters, answers: answers) { handler.decide($0, $1, handler.logged($0, $2)) }
        control = try ReplySocket(
            contexts: Configuration.contexts, maximumMessageSize: Frame.maximumMessageLength,
            limit: ConnectionLimit(count: plan.control) { _ in
                counters.connectionsClosed.add()
                shortage.say("a control connection that did nothing was closed for a newcomer")
            },
            // Nobody waits for those replies any more, and their contexts are wanted.
            onDisconnect: { peer in
                answers.run {
                    waiters.end(connection: peer.connection)
                    offers.end(connection: peer.connection)
                }
            }
        ) { request in
            desk.take(request)
        }
        counters.controlConnections.follow { [weak control] in control?.connections ?? 0 }
        counters.subscribers.follow { [weak events, weak text] in
            (events?.connections ?? 0) + (text?.connections ?? 0)
        }
        try loop.startWebhooks { try journal.openReader() }
        try loop.start()
        let uid = getuid()
        // ipc says who is there; other transports do not, and are opened only by who asked for them.
        let listening = ListenOptions(filePermissions: 0o600) { $0.user == nil || $0.user == uid || $0.user == 0 }
        do {
            try control.listen(configuration.controlURL, listening)
            if let url = configuration.localURL { try control.listen(url, listening) }
            let subscribers = ListenOptions(
                filePermissions: 0o600, leavesDescriptors: DescriptorPlan.leftToControl
            ) { [weak events, weak text] peer in
                guard listening.accept?(peer) != false else { return false }
                // Of this process are the watchdog's probes, which are closed in any case.
                guard let events, let text, peer.process != getpid(),
                    events.connections + text.connections >= plan.subscribers
                else { return true }
                counters.subscribersRefused.add()
                shortage.say("a subscriber was turned away")
                return false
            }
            try events.listen(configuration.eventsURL, subscribers)
            try text.listen(configuration.textURL, subscribers)
        } catch {
            throw StartFailure("the sockets cannot be opened: \(error)")
        }
        warnOfOpenSockets()
        watch(counters)
        watchSilentConnections(limit: plan.limit, shortage)
        try? OwnThread.start("fermata-calm") {
            // What the start left to do in the background is done by then.
            sleep(1)
            CodePages.letGo()
        }
        logger.info(
            "ready",
            metadata: [
                "version": "\(FermataRelease.version)", "instance": "\(instance)", "dir": "\(configuration.directory)",
                "control": "\(configuration.controlURL)", "durability": "\(configuration.durability)",
                "model": "\(configuration.models.defaultModel)", "pid": "\(getpid())",
            ])
    }

    /// Whether the service lives; for any thread, also after the server is gone.
    public var liveness: Liveness { Liveness(turns: { [loop] in loop.turns.load(ordering: .relaxed) }) }

    public struct Liveness: Sendable {
        private let count: @Sendable () -> UInt64

        init(turns count: @escaping @Sendable () -> UInt64) { self.count = count }

        /// Turns of the loop through which every run changes: at least one a second.
        public var turns: UInt64 { count() }
    }

    /// Cuts what is in flight as an interrupt does, waits for its ends, closes the sockets. At most five seconds.
    public func shutDown() {
        // Whatever hangs, the disk or a library: what is true is in the journal, and the next start reads it.
        startThread("fermata-end") { [logger] in
            usleep(4_700_000)
            logger.error("ending took too long and is cut short")
            _exit(0)
        }
        end()
    }

    /// As ``shutDown()``, in a process that goes on and however long it takes.
    func end() {
        loop.webhooks.stop()
        let done = DispatchSemaphore(value: 0)
        loop.inbox.put(.shutDown(within: 3_000_000) { done.signal() }, isUrgent: true)
        done.wait()
        // While the sockets close: it takes no time of its own.
        let toolsEnd = tools.shutDown(within: .milliseconds(1300))
        control.close(deadline: .seconds(1))
        events.close(deadline: .milliseconds(300))
        text.close(deadline: .milliseconds(300))
        toolsEnd()
        logger.info("ended")
    }

    private func warnOfOpenSockets() {
        if configuration.controlURL.hasPrefix("tcp://") {
            logger.warning(
                "plain tcp is not encrypted: whoever sees the traffic has the tokens in it",
                metadata: ["control": "\(configuration.controlURL)"])
        }
        for url in [configuration.eventsURL, configuration.textURL] where url.hasPrefix("tcp://") {
            logger.warning(
                "whoever can connect reads every conversation: this socket asks for no token",
                metadata: ["url": "\(url)"])
        }
    }

    private func watch(_ counters: Counters) {
        let (control, events, text) = (control, events, text)
        let (controlURL, eventsURL, textURL) = (
            configuration.localURL ?? configuration.controlURL, configuration.eventsURL, configuration.textURL
        )
        _ = Watchdog(
            [
                .init(url: controlURL, kind: .reply) { try control.restartListener(controlURL) },
                .init(url: eventsURL, kind: .publish) { try events.restartListener(eventsURL) },
                .init(url: textURL, kind: .publish) { try text.restartListener(textURL) },
            ], counters: counters, logger: logger)
    }

    /// A crowd that connects and says nothing leaves no descriptor to those who want to interrupt.
    private func watchSilentConnections(limit: Int, _ shortage: ShortageLog) {
        let paths = [
            configuration.localURL ?? configuration.controlURL, configuration.eventsURL, configuration.textURL,
        ]
        .map { $0.hasPrefix("ipc://") ? String($0.dropFirst("ipc://".count)) : "" }
        let interval = UInt32(SilentConnections.interval(limit: limit) / .microseconds(1))
        startThread("fermata-silent") { [weak control, weak events, weak text] in
            var silent = SilentConnections()
            // A look that closes a crowd ends the shortage for a moment, and the rest of the crowd waits in the kernel's
            // queues: with looks that end at once it took ten times as long.
            var watchedUntil: Int64 = 0
            while true {
                usleep(Clock.monotonic < watchedUntil ? interval : 100_000)
                guard let control, let events, let text else { return }
                if SilentConnections.areDescriptorsShort(limit: limit) { watchedUntil = Clock.monotonic + 2_000_000 }
                guard Clock.monotonic < watchedUntil else {
                    silent.forget()
                    continue
                }
                let connections = [
                    control.connectionsByProcess, events.connectionsByProcess, text.connectionsByProcess,
                ]
                let closed = silent.close(
                    zip(paths, connections).filter { !$0.0.isEmpty }.map { ($0, $1) }, limit: limit)
                if closed > 0 { shortage.say("connections that said nothing were closed") }
            }
        }
    }

    /// A store is begun only where no server has worked: its key outlives its store. Whoever wants to begin anew removes
    /// that as well; whoever has lost the store hears of it before anything takes its place.
    private static func refuseIfTheStoreIsGone(from directory: String) throws {
        let (store, key) = (directory + "/fermata.db", directory + "/token.key")
        var status = stat()
        let isThere = stat(store, &status) == 0 && status.st_size > 0
        // What lies beside a store tells more than that it is gone, and is said when the store is opened. An orderly end
        // leaves an empty WAL, which tells nothing.
        let hasWAL = stat(store + "-wal", &status) == 0 && status.st_size > 0
        guard !isThere, !hasWAL, access(store + ".mark", F_OK) != 0, access(key, F_OK) == 0 else { return }
        throw StartFailure(
            "\(store) is gone, and a server has worked here: \(key) is of its time. Bring the store back; "
                + "to begin a new one, remove \(key) too, or give another directory")
    }

    /// Whether there is a store without its mark where a server has worked before.
    private static func hasLostItsMark(in directory: String) -> Bool {
        access(directory + "/token.key", F_OK) == 0 && access(directory + "/fermata.db", F_OK) == 0
            && access(directory + "/fermata.db.mark", F_OK) != 0
    }

    private static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) != 0, errno == ENOENT else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StartFailure("\(path): the directory cannot be made: \(error.localizedDescription)")
        }
    }

    private static func hello(
        _ configuration: Configuration, _ plan: DescriptorPlan, instance: String
    ) -> FermataHelloReply {
        .with {
            $0.server = "fermata \(FermataRelease.version)"
            $0.instance = instance
            $0.protocolVersion = UInt32(Frame.currentVersion)
            $0.maxMessageBytes = UInt32(Frame.maximumMessageLength)
            $0.maxWaitMs = Configuration.maximumWaitMilliseconds
            $0.maxPublishedBytes = UInt32(Configuration.maximumPublishedBytes)
            $0.eventsURL = configuration.eventsURL
            $0.textURL = configuration.textURL
            $0.defaultModel = configuration.models.defaultModel
            $0.maxFrames = UInt32(Configuration.maximumFrames)
            $0.maxConnections = UInt32(plan.control)
        }
    }
}

/// Why the server does not start, in one line.
public struct StartFailure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
