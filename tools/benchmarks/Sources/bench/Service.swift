internal import CBench
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// `fermata serve` as a process, with a store of its own.
final class Service {
    let program: Program
    let directory: String
    let client: Client
    /// From its start until it had answered its first Hello, in ns.
    let readyTime: UInt64

    var store: String { "\(directory)/fermata.db" }
    var controlURL: String { "ipc://\(directory)/control.sock" }

    /// - Parameter directory: made if it is missing.
    init(_ directory: String, model: String = "", modelPort: Int32? = nil) throws {
        self.directory = directory
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var environment = ["LLM_MODEL": model]
        if let modelPort { environment["LLM_BASE_URL"] = "http://127.0.0.1:\(modelPort)/v1" }
        program = try Program(
            "fermata", ["serve", "--dir", directory, "--log-level", "warning"], environment: environment,
            log: "\(directory)/serve.log")
        let begun = bench_now()
        client = try Client("ipc://\(directory)/control.sock")
        _ = try client.send(FermataHello())
        readyTime = program.startTime + bench_now() - begun
    }

    func end() throws { try program.end() }

    /// Launches a run and gives its id. All runs share one workspace, so that none is made for each.
    func launch(task: String = "", model: String = "") throws -> String {
        try client.send(
            FermataLaunch.with {
                $0.requestID = newRequestID()
                $0.by = "bench"
                $0.task = task
                $0.model = model
                $0.workspace = directory
            }
        ).run.id
    }

    func pause(_ run: String) throws {
        _ = try client.send(
            FermataPause.with {
                $0.requestID = newRequestID()
                $0.by = "bench"
                $0.run = run
            })
    }

    /// A run on hold, with a task that no model has seen.
    func launchPaused() throws -> String {
        let run = try launch(model: "mock/none.json")
        try pause(run)
        return run
    }

    /// Waits until a run has had one of these statuses.
    func wait(_ run: String, for statuses: [FermataStatus], seconds: Int = 60) throws {
        for _ in 0...(seconds / 20) {
            let reply = try client.send(
                FermataGetRun.with {
                    $0.run = run
                    $0.until = statuses
                    $0.waitMs = 20_000
                })
            if reply.matched { return }
        }
        throw Failure("run \(run) is none of \(statuses) after \(seconds) s")
    }
}

/// A Send of 256 bytes, encoded.
func encodedSend(to run: String) throws -> [UInt8] {
    try encode(
        FermataSend.with {
            $0.requestID = newRequestID()
            $0.by = "bench"
            $0.run = run
            $0.text = String(repeating: "A message of some length. ", count: 10).prefix(256).description
        })
}
