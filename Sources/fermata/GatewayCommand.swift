internal import ArgumentParser
internal import FermataClient
internal import Gateway

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Serve the server's commands and events over HTTP, until SIGTERM or SIGINT.",
        discussion: """
            A client of the server like every other, in a process of its own and without state. Callers bring a \
            token (`fermata token create`) as `Authorization: Bearer`, and the server decides what they may do.

              POST /v1/COMMAND       every command, as JSON
              GET /v1/events         server-sent events; ?run=RUN, ?after=OFFSET
              POST /answers/TOKEN    answers one ask, without another token
              POST /resume/TOKEN     lifts one hold, without another token
              GET /metrics, /health

            It listens on loopback unless told otherwise, and HTTP is not encrypted: put a server in front of it \
            that speaks TLS, and name with --host what its clients call it.

            EXAMPLES
              fermata gateway
              fermata gateway --listen 0.0.0.0:8033 --host fermata.example.org --origin https://ops.example.org
            """)

    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "address:port"))
    var listen = "127.0.0.1:8033"
    @Option(help: ArgumentHelp("A Host header that is served too, with or without a port.", valueName: "host"))
    var host: [String] = []
    @Option(help: ArgumentHelp("An origin whose pages may ask: https://example.org.", valueName: "origin"))
    var origin: [String] = []
    @Flag(help: "Ask callers for no token: whoever reaches it may do everything. On loopback only.") var noAuth = false
    @Option(
        help: ArgumentHelp("The server's directory (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"),
        completion: .directory)
    var dir: String?
    @Option(help: ArgumentHelp("The server's control socket, if it is not in its directory.", valueName: "url"))
    var control: String?

    func run() async throws {
        let signals = EndSignals()
        defer { signals.cancel() }
        let settings = try ServerOptions.settings(dir: dir, control: control)
        let gateway: Gateway
        do {
            var configuration = try Gateway.Configuration(listen: listen)
            configuration.hosts = host
            configuration.origins = origin
            configuration.requiresToken = !noAuth
            // Each takes one descriptor, and while it is answered one more for the connection to the server.
            configuration.connections = min(configuration.connections, max(8, (Int(raiseDescriptorLimit()) - 64) / 2))
            gateway = try await Gateway.start(
                configuration, client: Client(controlURL: settings["control"], token: try ServerOptions.token()))
        } catch let error as GatewayError {
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
        if noAuth { Failure.say("no token is asked for: whoever can connect to \(gateway.url) may do everything") }
        print("listening \(gateway.url)")
        await signals.first()
        await gateway.stop()
    }
}
