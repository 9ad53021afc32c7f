internal import ArgumentParser
internal import FermataProtocol
internal import FermataServer
internal import Foundation
internal import Logging
internal import Models

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the service until SIGTERM or SIGINT.",
        discussion: """
            Each setting is taken from its option, else from its variable in the environment, else from the \
            configuration file, else it has its default; --print-config shows every one and where it is from. The \
            file is a YAML mapping whose keys are the options' long names; without --config and FERMATA_CONFIG it is \
            ~/.config/fermata/fermata.yaml, if that is there. Webhooks and providers are in that file only; the README describes them.

            SIGTERM and SIGINT end the service: what is in flight is cut and goes on with the next start on the same \
            directory, also of a newer fermata. Under systemd (Type=notify) it tells when it is ready.

            ENVIRONMENT
              LLM_API_KEY       the key of the model's server; else the provider's
                                own variable, such as OPENAI_API_KEY
              LLM_MODEL, LLM_BASE_URL, LLM_API_KEY_FILE
                                as --model, --base-url, --api-key-file
              LLM_API           what the server at LLM_BASE_URL speaks: chat
                                (without it), messages or responses
              FERMATA_CONFIG, _DIR, _CONTROL, _EVENTS, _TEXT, _DURABILITY,
              _MODEL_SILENCE, _PRICES, _LOG_LEVEL, _LOG_FORMAT
                                as the options of those names

            EXIT CODES
              0   it was ended
              1   it cannot start: the message says why
              64  the command line is wrong
              78  the environment or the configuration file is wrong: file, line and key are named

            EXAMPLES
              LLM_API_KEY=… fermata serve --model openai/gpt-4o
              fermata serve --config /etc/fermata/fermata.yaml --print-config
            """)

    @Option(
        help: ArgumentHelp("The configuration file.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?
    @Flag(help: "Print each setting and where it is from, and end.") var printConfig = false
    @Option(
        help: ArgumentHelp("Holds the store, sockets and workspaces; else ~/.local/state/fermata.", valueName: "dir"),
        completion: .directory)
    var dir: String?
    @Option(help: ArgumentHelp("The control socket, if it is not to be in the directory.", valueName: "url"))
    var control: String?
    @Option(help: ArgumentHelp("The event socket.", valueName: "url")) var events: String?
    @Option(help: ArgumentHelp("The socket for streaming text.", valueName: "url")) var text: String?
    @Option(
        help: ArgumentHelp(
            "full: answered when the disk has it. normal: when the kernel has it; a power cut may lose the last.",
            valueName: "durability"), completion: .list(["full", "normal"]))
    var durability: String?
    @Option(help: ArgumentHelp("The model of runs that name none, as provider/model.", valueName: "model")) var model:
        String?
    @Option(
        name: .customLong("base-url"),
        help: ArgumentHelp("Where chat completions are, for a server of your own.", valueName: "url"))
    var baseURL: String?
    @Option(
        help: ArgumentHelp("A file that has the key of the model's server and nothing else.", valueName: "file"),
        completion: .file())
    var apiKeyFile: String?
    @Option(
        help: ArgumentHelp(
            "How long a model's server may send nothing before the call has failed; 120.", valueName: "seconds"))
    var modelSilence: String?
    @Option(
        help: ArgumentHelp("Prices of models, as JSON: before those in the built-in table.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var prices: String?
    @Option(
        help: ArgumentHelp("trace, debug, info, warning or error; to standard error.", valueName: "level"),
        completion: .list(["trace", "debug", "info", "warning", "error"]))
    var logLevel: String?
    @Option(help: ArgumentHelp("text (key=value) or json.", valueName: "format"), completion: .list(["text", "json"]))
    var logFormat: String?

    func run() throws {
        var environment = ProcessInfo.processInfo.environment
        let settings = try settings(environment)
        if printConfig { return print(settings.asFile) }
        // Before any thread is made, so that the signals come to this one only.
        let signals = blockEndSignals()
        signal(SIGPIPE, SIG_IGN)
        // A write beyond a limit on files' size is an error like a full disk, not the end.
        signal(SIGXFSZ, SIG_IGN)
        environment = takeEnvironment()
        let manager = ServiceManager(&environment)
        let logger = makeLogger(settings)
        warnOfFewDescriptors(raiseDescriptorLimit(), logger)
        for name in settings.unknownVariables(environment) {
            let near = nearest(to: name, among: Setting.variables)
            logger.warning(
                "a variable is no setting, and changes nothing",
                metadata: ["variable": "\(name)", "near": near.map { "\($0)" } ?? "-"])
        }
        func orEnd<Value>(_ code: Int32, _ body: () throws -> Value) throws -> Value {
            do { return try body() } catch {
                if settings["log-format"] == "json" { logger.critical("\(error)") } else { Failure.say("\(error)") }
                throw ExitCode(code)
            }
        }
        // A file of the configuration's that cannot be used: a service manager need not try that again.
        let configuration = try orEnd(Failure.misconfigured) { try self.configuration(settings, environment, logger) }
        let server = try orEnd(Failure.refused) { try Server(configuration, logger: logger) }
        // Nobody may be reading; the service goes on.
        try? FileHandle.standardOutput.write(contentsOf: Data("listening \(server.controlURL)\n".utf8))
        manager.ready("listening at \(server.controlURL)")
        if let interval = manager.watchdog { feedWatchdog(manager, every: interval / 3, server) }
        let signal = wait(for: signals)
        logger.info("ending", metadata: ["signal": "\(signal)"])
        manager.stopping("cutting what is in flight")
        server.shutDown()
    }

    private func settings(_ environment: [String: String]) throws -> Settings {
        let options = [
            "dir": dir, "control": control, "events": events, "text": text, "durability": durability, "model": model,
            "base-url": baseURL, "api-key-file": apiKeyFile, "model-silence": modelSilence, "prices": prices,
            "log-level": logLevel, "log-format": logFormat,
        ]
        do {
            return try Settings(options: options.compactMapValues(\.self), environment: environment, file: config)
        } catch let mistakes as Settings.Mistakes {
            if mistakes.areOptions { throw ValidationError(mistakes.lines.joined(separator: "\n")) }
            Failure.say("\(mistakes)")
            throw ExitCode(Failure.misconfigured)
        }
    }

    private func makeLogger(_ settings: Settings) -> Logger {
        let format = LogLine.Format(rawValue: settings["log-format"]) ?? .text
        LoggingSystem.bootstrap { _ in LogLine(format: format) }
        var logger = Logger(label: "fermata")
        logger.logLevel = Logger.Level(rawValue: settings["log-level"]) ?? .info
        return logger
    }

    private func configuration(
        _ settings: Settings, _ environment: [String: String], _ logger: Logger
    ) throws -> Configuration {
        let (models, keyFile) = try settings.models(environment)
        if let keyFile, keyFile.everybodyReads {
            logger.warning("everybody can read the key's file", metadata: ["path": "\(keyFile.path)"])
        }
        var environment = environment
        // Tools need not be told where the key is.
        for name in [
            "LLM_API_KEY_FILE", "CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID",
        ] {
            environment[name] = nil
        }
        var configuration = Configuration(
            directory: settings["dir"], environment: environment,
            prices: try settings.prices(models))
        configuration.models = models
        check(models, configuration.prices, logger)
        configuration.controlURL = settings["control"]
        configuration.eventsURL = settings["events"]
        configuration.textURL = settings["text"]
        configuration.modelSilence = .seconds(Int(settings["model-silence"]) ?? 120)
        for webhook in settings.webhooks {
            let secret = try webhook.secretText(environment)
            configuration.webhooks.append(try webhook.endpoint(secret: secret))
            // With and without what Standard Webhooks puts before it.
            configuration.secrets += [secret, String(secret.dropFirst("whsec_".count))]
        }
        configuration.durability = settings["durability"] == "normal" ? .normal : .full
        return configuration
    }
}

/// Says at the start what would fail at the first launch, or be without effect.
private func check(_ models: ModelEnvironment, _ prices: Prices, _ logger: Logger) {
    let model = models.defaultModel
    guard !model.isEmpty else { return }
    do {
        guard case .http = try models.resolve(model), !prices.has(model) else { return }
        logger.warning(
            "the default model has no price: what runs cost is unknown, and a limit on it is refused; --prices gives it one",
            metadata: ["model": "\(model)"])
    } catch {
        logger.warning(
            "the default model cannot be asked, and launches that name no other are refused",
            metadata: ["model": "\(model)", "error": "\(error)"])
    }
}

/// Tells the manager that the service lives, as long as its loop turns.
private func feedWatchdog(_ manager: ServiceManager, every interval: Duration, _ server: Server) {
    let alive = server.liveness
    let seconds = Double(interval.components.seconds) + Double(interval.components.attoseconds) / 1e18
    Thread.detachNewThread {
        var last = alive.turns
        while true {
            Thread.sleep(forTimeInterval: seconds)
            let turns = alive.turns
            if turns != last { manager.alive() }
            last = turns
        }
    }
}

/// The environment, of which nothing that may be a key stays where `/proc` shows it: tools run as the same user.
private func takeEnvironment() -> [String: String] {
    let environment = ProcessInfo.processInfo.environment
    let secrets = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"]
    for name in environment.keys where secrets.contains(where: name.hasSuffix) {
        guard let value = getenv(name) else { continue }
        memset(value, 0, strlen(value))
        unsetenv(name)
    }
    return environment
}

private func warnOfFewDescriptors(_ limit: UInt64, _ logger: Logger) {
    guard limit < 4096 else { return }
    logger.warning(
        "few descriptors for many clients, models and tools: raise LimitNOFILE= or ulimit -Hn",
        metadata: ["limit": "\(limit)"])
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
