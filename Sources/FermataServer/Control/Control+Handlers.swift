internal import FermataProtocol
internal import Journal
internal import Logging
internal import Secrets
internal import Threads
internal import Transfers

extension Control {
    /// Makes all handlers, each with what it needs. A new one is a line here.
    ///
    /// - Parameters:
    ///   - secrets: what is masked in everything that workers send.
    ///   - hello: the reply to Hello, but for what changes.
    ///   - answers: encodes what the loop is not to encode.
    ///   - journal: for its figures.
    ///   - directory: of the store; uploads are kept there.
    convenience init(
        inbox: Mailbox<RunLoop.Item>, readers: ReaderPool, published: PublishedRuns, waiters: Waiters,
        offers: CallOffers,
        launches: LaunchCheck, effects: EffectRunner, seal: TokenSeal, accessTokens: AccessTokens, secrets: SecretTable,
        hello: FermataHelloReply, counters: Counters, answers: WorkThread, journal: any Journal, directory: String,
        logger: Logger
    ) {
        let entry = CommandEntry(inbox: inbox, readers: readers)
        let runs = RunLookUp(readers: readers)
        let contents = ContentLookUp(readers: readers)
        let agents = AgentLookUp(readers: readers)
        let tools = ToolLookUp(readers: readers)
        let askTokens = AskTokens(seal: seal)
        let launchThread = WorkThread("fermata-launch")
        let handlers: [any FrameHandler] = [
            ServerHandler(
                hello: hello, inbox: inbox, readers: readers, published: published, waiters: waiters, effects: effects,
                counters: counters, journal: journal),
            LaunchHandler(
                entry: entry, runs: runs, agents: agents, tools: tools, contents: contents, launches: launches,
                thread: launchThread, logger: logger),
            RunHandler(entry: entry, contents: contents),
            HoldHandler(entry: entry, tokens: ResumeTokens(seal: seal), catalogue: launches.catalogue),
            UsageHandler(runs: runs, readers: readers),
            AskHandler(entry: entry, runs: runs, readers: readers, tokens: askTokens, catalogue: launches.catalogue),
            GetRunHandler(
                runs: runs, published: published, readers: readers, waiters: waiters, offers: offers, inbox: inbox,
                answers: answers),
            ListRunsHandler(readers: readers),
            EventHandler(runs: runs, readers: readers, waiters: waiters, inbox: inbox),
            AgentHandler(
                entry: entry, agents: agents, tools: tools, readers: readers, launches: launches, logger: logger),
            ToolHandler(
                entry: entry, readers: readers, launches: launches, offers: offers, secrets: secrets, logger: logger),
            CallHandler(entry: entry, runs: runs, contents: contents, offers: offers, secrets: secrets),
            BlobHandler(entry: entry, readers: readers),
            ExportHandler(entry: entry, runs: runs, readers: readers),
            ImportHandler(
                entry: entry, readers: readers, launches: launches, uploads: Uploads(directory: directory),
                thread: WorkThread("fermata-import")),
            ForkHandler(
                entry: entry, runs: runs, readers: readers, launches: launches, thread: launchThread),
            TokenHandler(entry: entry, tokens: accessTokens),
        ]
        self.init(handlers, accessTokens: accessTokens, logger: logger)
    }
}
