internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import FermataServer
internal import Foundation
internal import SwiftProtobuf

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything that Fermata needs, and say what to do about what is wrong.",
        discussion: """
            Libraries, the directory, who listens at the sockets and how fast it answers, the store, the model's \
            server and each configured provider, the process that tools run under, limits, the clock. It changes \
            nothing, needs no server, and looks at a store beside a server that is using it. Models' servers are asked for their lists of models, \
            which costs nothing, with the key of this environment, which may not be the server's; the key is never \
            shown.

            EXIT CODES
              0   no problems; there may be warnings
              1   at least one problem

            EXAMPLES
              fermata doctor
              fermata doctor --json | jq '.findings[] | select(.level != "ok")'
            """)
    @Option(help: "The model to reach, as provider/model; LLM_MODEL, or the server's default, without it.")
    var model: String?
    @Flag(help: "Ask no model's server.") var noModel = false
    @Option(
        help: ArgumentHelp("The server's configuration file.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?
    @OptionGroup var server: ServerOptions

    func run() async throws {
        report(await onThread { LibraryChecks.findings })
        let checked = SettingsCheck(
            options: ["dir": server.dir, "control": server.control, "model": model].compactMapValues(\.self),
            file: config)
        report([checked.finding])
        if let finding = checked.webhookFinding { report([finding]) }
        let directory = checked.settings?["dir"] ?? server.directory
        report(await onThread { DirectoryChecks.findings(directory) })
        let service = await ServiceChecks(checked.settings?["control"] ?? server.client.controlURL).look()
        report(service.findings)
        let isServed = service.hello != nil
        report(await onThread { StoreChecks.findings(directory, isServed: isServed) })
        if !noModel {
            report(await checked.modelFindings(default: service.hello?.defaultModel))
        }
        report([await SupervisorCheck.finding()])
        report(LimitChecks.findings(service.stats))
        let all = Findings(found.list)
        if server.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(all), as: UTF8.self))
        } else {
            print("\(count(all.problems, "problem")), \(count(all.warnings, "warning"))")
        }
        if all.problems > 0 { throw ExitCode(Failure.refused) }
    }

    /// What was found so far: printed as it is found, for some of it takes a moment.
    private final class Found: @unchecked Sendable {
        // Filled by the command's one task.
        var list: [Finding] = []
    }

    private let found = Found()

    private enum CodingKeys: CodingKey { case model, noModel, config, server }

    private func report(_ findings: [Finding]) {
        found.list += findings
        guard !server.json else { return }
        for finding in findings {
            let colour: Screen.Colour =
                switch finding.level {
                case .ok: .green
                case .warning: .yellow
                case .problem: .red
                }
            let level = Screen.output.paint(finding.level.rawValue.padding(to: 7), colour)
            Screen.output.write("\(level)  \(finding.check.padding(to: 11))  ")
            print(finding.text)
            if let remedy = finding.remedy { print(String(repeating: " ", count: 22) + "→ \(remedy)") }
        }
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
