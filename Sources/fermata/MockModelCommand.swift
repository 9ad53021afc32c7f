internal import ArgumentParser
internal import MockModel
internal import ModelScript

struct MockModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mock-model",
        abstract: "Serve a scripted model over HTTP, for tests and trials: it answers from a file.",
        discussion: """
            It speaks chat completions, Anthropic's Messages and OpenAI's Responses, each at its own path.

            protocol/mock-model/ has the JSON schema of scripts and some that are ready: a limited rate, a quota that is \
            used up, streams that break. --check looks at a script and starts nothing. In a server, \
            `--model mock/FILE` plays one without HTTP.

            EXAMPLE
              fermata mock-model --check --script demo.json
              fermata mock-model --script demo.json --listen 127.0.0.1:8080
              LLM_BASE_URL=http://127.0.0.1:8080/v1 fermata serve --model openai/demo
              LLM_API=messages LLM_BASE_URL=http://127.0.0.1:8080 fermata serve --model anthropic/demo
            """)

    @Option(help: ArgumentHelp("The script, as JSON.", valueName: "file")) var script: String
    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "address:port"))
    var listen = "127.0.0.1:0"
    @Option(help: ArgumentHelp("Refuse requests that do not bear this key.", valueName: "key")) var requireKey: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Refuse of chat completions what these refuse: openai, mistral, reasoning (Kimi, DeepSeek), signatures "
                + "(Gemini), template (llama.cpp, vLLM).", valueName: "name"))
    var strict: [String] = []
    @Flag(help: "Only say what is wrong with the script, or how many turns it has.") var check = false

    func run() async throws {
        if check {
            do {
                print("\(script): \(try ModelScript(contentsOf: script).turns.count) turns")
            } catch {
                Failure.say("\(error)")
                throw ExitCode(Failure.refused)
            }
            return
        }
        let signals = EndSignals()
        defer { signals.cancel() }
        let server: MockModel
        do {
            var configuration = try MockModel.Configuration(listen: listen)
            configuration.requiredKey = requireKey
            for name in strict {
                guard let strictness = ChatStrictness(rawValue: name) else {
                    throw ValidationError(
                        "--strict takes \(ChatStrictness.allCases.map(\.rawValue).joined(separator: ", ")).")
                }
                configuration.strictness.insert(strictness)
            }
            server = try await MockModel.start(try ModelScript(contentsOf: script), configuration)
        } catch {
            Failure.say("\(error)")
            throw ExitCode(Failure.refused)
        }
        print("listening \(server.baseURL)")
        await signals.first()
        await server.stop()
    }
}
