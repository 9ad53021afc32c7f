internal import CBench
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// Steps of a scripted model that calls a tool which does next to nothing, and the commits of a step by SQLite alone.
///
/// A step's own time is what is between the events `model_called` of two steps: its commits, the scripted model, the
/// tool and all that the service does. A limit of steps stops a run, and resuming it grants as many again: so young and
/// old runs, and SQLite, make their steps by turns.
func step(_ setting: Setting) throws -> [Line] {
    let service = try Service("\(setting.directory)/step")
    let stepper = try Stepper(service)
    let stages = setting.isQuick ? [1000] : [1000, 10_000]
    let old = try stages.map { stage in
        let run = try stepper.launch(steps: Stepper.portion)
        for _ in 1..<stage / Stepper.portion { try stepper.resume(run) }
        return run
    }
    let replay = try Replay(of: service, lastEvents: 4 * Stepper.portion, to: "\(setting.directory)/step.db")

    var (young, raw) = ([Double](), [Double]())
    var aged = [[Double]](repeating: [], count: stages.count)
    for _ in 0..<setting.count(9, quick: 3) {
        try setting.disk.settle()
        _ = try stepper.launch(steps: Stepper.portion + 10)
        young.append(try stepper.timeOfLastSteps())
        for (index, run) in old.enumerated() {
            try setting.disk.settle()
            try stepper.resume(run)
            aged[index].append(try stepper.timeOfLastSteps())
        }
        raw.append(try commitsOfAStep(replay, setting.disk))
    }
    try service.end()
    let commits = median(raw)
    let (number, medians) = ([10] + stages, ([young] + aged).map(median))
    let lines = zip(number, medians).map { stage, own in
        Line(
            row: "step", what: "own time of a step from step \(stage) on", unit: "µs", p50: own, raw: commits,
            rawIs: "SQLite committing the rows of a step as they were committed", limit: "2 × raw",
            holds: own <= 2 * commits)
    }
    let growth = medians.last! / medians[0]
    return lines + [
        Line(
            row: "step", what: "step \(number.last!) to step 10", unit: "×", p50: growth, limit: "1.1",
            holds: growth <= 1.1)
    ]
}

/// Makes steps with a scripted model.
private struct Stepper {
    let service: Service
    let script: String
    /// Steps that a run is granted at once.
    static let portion = 100

    init(_ service: Service) throws {
        self.service = service
        script = "\(service.directory)/script.json"
        try Data("nothing\n".utf8).write(to: URL(fileURLWithPath: "\(service.directory)/nothing.txt"))
        let arguments = #"{"command": "view", "path": "nothing.txt"}"#
        try Data(#"[{"match": "", "tool_calls": [{"name": "file_editor", "arguments": \#(arguments)}]}]"#.utf8)
            .write(to: URL(fileURLWithPath: script))
    }

    /// Launches a run and waits until it has made so many steps.
    func launch(steps: Int) throws -> String {
        let run = try service.client.send(
            FermataLaunch.with {
                $0.requestID = newRequestID()
                $0.task = "Look at the file."
                $0.model = "mock/\(script)"
                $0.workspace = service.directory
                $0.limits.maxSteps = UInt32(steps)
            }
        ).run.id
        // At its limit it asks.
        try service.wait(run, for: [.waiting])
        return run
    }

    /// Has a run make as many again.
    func resume(_ run: String) throws {
        let asks = try service.client.send(FermataGetRun.with { $0.run = run }).run.openAsks
        _ = try service.client.send(
            FermataAnswer.with {
                $0.requestID = newRequestID()
                $0.run = run
                $0.ask = asks.first ?? 0
                $0.verdict = .raise
            })
        try service.wait(run, for: [.waiting])
    }

    /// The median time in µs between the last steps that were begun, all of one run.
    func timeOfLastSteps() throws -> Double {
        var count = Stepper.portion
        var times = [Int64](repeating: 0, count: count)
        try check(bench_store_last_times(service.store, 19, &times, &count))
        return median((1..<count).map { Double(times[$0 - 1] - times[$0]) })
    }
}

/// The median time in µs of what SQLite commits for one step. One commit ends with the start of the call, if the tool
/// was there to be started, and one with the next model call.
private func commitsOfAStep(_ replay: Replay, _ disk: Disk) throws -> Double {
    let (called, started) = (Int64(19), Int64(23))
    try replay.rewind()
    try disk.settle()
    var (sums, sum) = ([Double](), Double(0))
    var first = 0
    for index in 0..<replay.events {
        let kind = replay.kind(index)
        guard kind == called || kind == started else { continue }
        sum += Double(try replay.commit(events: index + 1 - first, requests: 0)) / 1000
        first = index + 1
        guard kind == called else { continue }
        sums.append(sum)
        sum = 0
    }
    // The first is the rest of a step.
    return median(Array(sums.dropFirst()))
}
