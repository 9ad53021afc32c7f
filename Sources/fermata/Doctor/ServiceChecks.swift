internal import FermataClient
internal import FermataProtocol
internal import FermataServer
internal import Foundation
internal import NNG
internal import SwiftProtobuf

/// Who listens at the sockets, and how it answers.
struct ServiceChecks {
    struct Outcome {
        var findings: [Finding] = []
        /// Nil: no server answers.
        var hello: FermataHelloReply?
        var stats: FermataStatsReply?
    }

    private let client: Client

    init(_ url: String) { client = Client(controlURL: url, token: try? ServerOptions.token()) }

    func look() async -> Outcome {
        var outcome = Outcome()
        let url = client.controlURL
        let control = await listener("control", url, .reply)
        guard control.isAlive else {
            outcome.findings.append(control.finding)
            return outcome
        }
        do {
            outcome.findings.append(try await hello(url, &outcome))
        } catch {
            outcome.findings.append(
                .problem(
                    "control", "\(url) is open, but no Hello comes back: \(error)",
                    do: "look into the server's log; end it with SIGTERM and start it again"))
            return outcome
        }
        for (name, url) in [("events", outcome.hello?.eventsURL ?? ""), ("text", outcome.hello?.textURL ?? "")] {
            outcome.findings.append(await listener(name, url, .publish).finding)
        }
        return outcome
    }

    private func hello(_ url: String, _ outcome: inout Outcome) async throws -> Finding {
        let clock = ContinuousClock()
        var trips: [Duration] = []
        for _ in 0..<11 {
            let start = clock.now
            outcome.hello = try await client.send(
                FermataHello.with { $0.client = "fermata doctor" }, timeout: .seconds(5))
            trips.append(clock.now - start)
        }
        outcome.stats = try? await client.send(FermataStats(), timeout: .seconds(5))
        guard let hello = outcome.hello else { throw ClientError.timedOut }
        let trip = trips.sorted()[5]
        let up = outcome.stats.map { ", up \(TimeArgument.text(period: $0.nowAt - $0.startedAt))" } ?? ""
        let text = "\(hello.server) at \(url), round trip \(Follow.milliseconds(trip)) ms\(up)"
        if hello.server != "fermata \(FermataRelease.version)" {
            return .warning(
                "control", "\(text); this is fermata \(FermataRelease.version)", do: "use the same version for both")
        }
        if abs(hello.nowAt - TimeArgument.now) > 5_000_000 {
            return .warning("control", "\(text); its clock is not this one's", do: "set the clocks by NTP")
        }
        if trip > .milliseconds(250) {
            return .warning("control", "\(text): that is slow", do: "see fermata stats, and what else the machine does")
        }
        return .ok("control", text)
    }

    private func listener(_ name: String, _ url: String, _ kind: ListenerProbe.Kind) async -> (
        finding: Finding, isAlive: Bool
    ) {
        guard url.hasPrefix("ipc://") else { return (.ok(name, "\(url), not looked at from outside"), true) }
        let path = String(url.dropFirst("ipc://".count))
        let outcome = await onThread {
            Result { try ListenerProbe.probe(path: path, expecting: kind, timeout: .seconds(2)) }
        }
        switch outcome {
        case .success(.alive): return (.ok(name, "\(url) takes connections"), true)
        case .success(.absent):
            return (
                .warning(
                    name, "no server listens at \(url)",
                    do: "start one with: fermata serve; or say where it is with --dir or --control"), false
            )
        case .success(.unresponsive):
            return (
                .problem(
                    name, "\(url) takes no connections",
                    do: "its server restarts it within seconds, or hangs: look again"),
                false
            )
        case .success(.foreign):
            return (.problem(name, "something else than fermata listens at \(url)", do: "name another socket"), false)
        case .failure(let error):
            return (.problem(name, "\(url): \(error)", do: "run this as the user that the server runs as"), false)
        }
    }
}
