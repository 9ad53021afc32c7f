internal import ArgumentParser
internal import FermataServer
internal import Foundation
internal import Models

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the models that are known: API, window, prices, what they can do.",
        discussion: """
            From the table that is in this program, the server's file of prices, and the providers of its \
            configuration. Other models can be asked for all the same; what they cost is unknown then. It asks \
            nobody: fermata doctor tries each configured provider.

            Prices are dollars for a million tokens; a '+' says that long prompts cost otherwise. What is not known \
            is '-'.

            EXAMPLES
              fermata models --provider anthropic
              fermata models --json | jq '.[] | select(.window > 500000) | .name'
            """)
    @Option(help: "Only those of this provider.") var provider: String?
    @Option(
        help: ArgumentHelp("The server's configuration file.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?
    @Flag(help: "Print them as a JSON list.") var json = false

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let models: ModelEnvironment
        let prices: Prices
        do {
            let settings = try Settings(options: [:], environment: environment, file: config)
            models = try settings.models(environment, needsKeys: false).models
            prices = try settings.prices(models)
        } catch {
            Failure.say("\(error)")
            throw ExitCode(Failure.misconfigured)
        }
        let names = models.providerNames
        if let provider, !names.contains(provider) {
            throw ValidationError("No provider '\(provider)'; known are \(names.joined(separator: ", ")).")
        }
        let all = names.filter { provider == nil || $0 == provider }.flatMap { models.knownModels(of: $0, prices) }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(all), as: UTF8.self))
        }
        let rows =
            [["MODEL", "API", "WINDOW", "ANSWER", "INPUT", "CACHED", "OUTPUT", "CAN", "FROM"]] + all.map(Self.row)
        for line in TextTable.lines(rows, textColumns: rows[0].count) { print(line) }
    }

    private static func row(_ model: KnownModel) -> [String] {
        func tokens(_ count: UInt64?) -> String { count.map(String.init) ?? "-" }
        func dollars(_ price: Double?) -> String {
            guard let price else { return "-" }
            return price.formatted(
                .number.grouping(.never).precision(.fractionLength(0...6)).locale(.init(identifier: "en_US_POSIX")))
                + (model.pricesChangeAbove.isEmpty ? "" : "+")
        }
        return [
            model.name, model.api, tokens(model.window), tokens(model.outputLimit), dollars(model.inputPerMillion),
            dollars(model.cachedInputPerMillion), dollars(model.outputPerMillion),
            model.capabilities.isEmpty ? "-" : model.capabilities.joined(separator: ","), model.source,
        ]
    }
}
