internal import ArgumentParser
internal import FermataServer
internal import Foundation
internal import Logging
internal import ModelClients

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the service until SIGTERM or SIGINT.",
        discussion: """
            ENVIRONMENT
              LLM_MODEL      the model of runs that name none, as provider/model
              LLM_BASE_URL   where chat completions are, for a server of your own
              LLM_API_KEY    its key; else the provider's own variable, such as OPENAI_API_KEY
              FERMATA_DIR    the directory, unless --dir names it
            """)

    @Option(help: ArgumentHelp("Holds the store, sockets and workspaces (FERMATA_DIR; else ~/.local/state/fermata).", valueName: "dir"))
    var dir: String?
    @Option(help: ArgumentHelp("The control socket, if it is not to be in the directory.", valueName: "url"))
    var control: String?
    @Option(help: ArgumentHelp("The event socket.", valueName: "url")) var events: String?
    @Option(help: ArgumentHelp("The socket for streaming text.", valueName: "url")) var text: String?
    @Option(help: "full: answered when the disk has it. normal: when the kernel has it; a power cut may lose the last.")
    var durability: Durability = .full
    @Option(help: ArgumentHelp("Prices of models, as JSON; the built-in ones without it.", valueName: "file"))
    var prices: String?
    @Option(help: ArgumentHelp("How long a model's server may send nothing before the call has failed.", valueName: "seconds"))
    var modelSilence: Int = 120
    @Option(help: "trace, debug, info, warning or error; to standard error.") var logLevel: String = "info"

    enum Durability: String, ExpressibleByArgument, CaseIterable { case full, normal }

    func run() throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("--log-level is none of trace, debug, info, warning, error.")
        }
        guard modelSilence > 0 else { throw ValidationError("--model-silence is not a number from 1.") }
        // Before any thread is made, so that the signals come to this one only.
        let signals = blockEndSignals()
        signal(SIGPIPE, SIG_IGN)
        raiseDescriptorLimit()
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "fermata")
        logger.logLevel = level
        let server: Server
        do {
            let directory = ServerOptions.directory(dir)
            var configuration = Configuration(
                directory: directory, environment: takeEnvironment(),
                prices: try prices.map { try Prices(contentsOf: $0) } ?? Prices.builtIn)
            if let control { configuration.controlURL = control }
            if let events { configuration.eventsURL = events }
            if let text { configuration.textURL = text }
            configuration.modelSilence = .seconds(modelSilence)
            configuration.durability = durability == .full ? .full : .normal
            server = try Server(configuration, logger: logger)
        } catch {
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
        // Nobody may be reading; the service goes on.
        try? FileHandle.standardOutput.write(contentsOf: Data("listening \(server.controlURL)\n".utf8))
        let signal = wait(for: signals)
        logger.info("ending", metadata: ["signal": "\(signal)"])
        server.shutDown()
    }
}

/// The environment, of which nothing that may be a key stays where `/proc` shows it: tools run as the same user.
private func takeEnvironment() -> [String: String] {
    let environment = ProcessInfo.processInfo.environment
    for name in environment.keys where ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"].contains(where: name.hasSuffix) {
        guard let value = getenv(name) else { continue }
        memset(value, 0, strlen(value))
        unsetenv(name)
    }
    return environment
}

/// As many descriptors as the kernel lets the process have: each client, model call and tool takes some.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Keeps SIGTERM and SIGINT from every thread that is made from here on.
func blockEndSignals() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
}

/// Blocks until one of them comes.
func wait(for signals: sigset_t) -> Int32 {
    var signals = signals
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    return signal
}
