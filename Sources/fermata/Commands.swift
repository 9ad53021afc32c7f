public import ArgumentParser
internal import FermataClient
public import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "End a run for good.",
        discussion: """
            What is in flight is cut as by an interrupt, open asks are closed. A stopped run can be read and nothing \
            else; to have it stand still for a while, pause or interrupt it.

            EXAMPLE
              fermata stop 01a1fd79 --reason "no longer needed"
            """)
    @OptionGroup var on: RunOptions

    func run() async throws { try await on.server.run(on.command(FermataStop.self)) }
}

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until a run has one of some statuses.",
        discussion: """
            Without --for: until it needs nothing but a person (FINISHED, WAITING, PAUSED, FAILED, STOPPED). It \
            waits through a restart of the server. On a terminal a line on standard error tells how the run is \
            meanwhile.

            EXIT CODES
              0   the status is there; without --for: FINISHED
              10  WAITING   11  PAUSED   12  FAILED   (without --for)
              13  STOPPED; with --for too: then no other status can come any more
              1   IDLE cannot come any more: the run has begun

            EXAMPLES
              fermata wait 01a1fd79 && echo done
              fermata wait 01a1fd79 --for PAUSED STOPPED
            """)
    @Argument(help: "The run's id, or the beginning of it.", completion: .runs) var run: String
    @Option(
        name: .customLong("for"), parsing: .upToNextOption,
        help: ArgumentHelp("Statuses, such as PAUSED FINISHED.", valueName: "status"))
    var statuses: [FermataStatus] = []
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let wanted = statuses.isEmpty ? FermataStatus.atRest : statuses
        let progress = Progress(server.client, run: run, waitsFor: wanted.map(\.protocolName).joined(separator: ", "))
        defer { progress.end() }
        let summary: FermataRunSummary
        do throws(ClientError) {
            summary = try await server.client.wait(for: wanted, run: run)
        } catch {
            progress.end()
            guard case .refused(let refusal) = error, refusal.code == ErrorCode.wrongStatus.name else { throw error }
            Failure.say(error.description)
            let isStopped = refusal.details.contains { $0.key == "status" && $0.value == "STOPPED" }
            throw ExitCode(isStopped ? Failure.code(for: .stopped) : Failure.refused)
        }
        progress.end()
        if server.json { return try server.print(json: summary) }
        print("\(summary.id)  \(summary.status.protocolName)")
        if statuses.isEmpty, summary.status != .finished { throw ExitCode(Failure.code(for: summary.status)) }
    }
}

extension FermataStatus: ExpressibleByArgument {
    static let atRest: [FermataStatus] = [.finished, .waiting, .paused, .failed, .stopped]

    public init?(argument: String) {
        guard let status = FermataStatus.allCases.first(where: { $0.protocolName == argument.uppercased() }),
            status != .unspecified
        else { return nil }
        self = status
    }

    public static var allValueStrings: [String] {
        allCases.filter { $0 != .unspecified }.map(\.protocolName)
    }

    public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}
