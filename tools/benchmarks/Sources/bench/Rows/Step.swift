internal import CBench
internal import FermataProtocol
internal import SwiftProtobuf
internal import Foundation

/// A run whose scripted model calls a tool that does next to nothing at every step, and the two commits of a step by
/// SQLite alone.
///
/// A step's own time is what is between the events `model_called` of two steps: its commits, the scripted model, the
/// tool and all that the service does.
func step(_ setting: Setting) throws -> [Line] {
    let stages = setting.isQuick ? [10, 1000] : [10, 1000, 10_000]
    let window = 40
    let service = try Service("\(setting.directory)/step")
    let file = "\(setting.directory)/step/nothing.txt"
    try Data("nothing\n".utf8).write(to: URL(fileURLWithPath: file))
    let script = "\(setting.directory)/step/script.json"
    let turn = #"{"match": "", "tool_calls": [{"name": "file_editor", "arguments": {"command": "view", "path": "nothing.txt"}}]}"#
    try Data("[\(turn)]".utf8).write(to: URL(fileURLWithPath: script))

    var own = [[Double]](repeating: [], count: stages.count)
    var raw: [Double] = []
    for round in 0..<setting.count(3, quick: 1) {
        let steps = stages.last! + window + 1
        let reply = try service.client.send(
            FermataLaunch.with {
                $0.requestID = newRequestID()
                $0.task = "Look at the file."
                $0.model = "mock/\(script)"
                $0.workspace = service.directory
                $0.limits.maxSteps = UInt32(steps)
            })
        try service.wait(reply.run.id, for: [.failed], seconds: 600)
        let times = try stepTimes(service, run: round, steps: steps)
        for (index, stage) in stages.enumerated() {
            own[index].append(median((stage..<stage + window).map { times[$0] - times[$0 - 1] }))
        }
        raw.append(try commitsOfAStep(service, "\(setting.directory)/step-\(round).db"))
    }
    try service.end()
    let commits = median(raw)
    let medians = own.map(median)
    let lines = zip(stages, medians).map { stage, own in
        Line(
            row: "step", what: "own time of step \(stage)", unit: "µs", p50: own, raw: commits,
            rawIs: "SQLite committing the rows of a step in two transactions", limit: "2 × raw",
            holds: own <= 2 * commits)
    }
    let growth = medians.last! / medians[0]
    return lines + [
        Line(
            row: "step", what: "step \(stages.last!) to step 10", unit: "×", p50: growth, limit: "1.1",
            holds: growth <= 1.1)
    ]
}

/// When each step of the last run began, in µs.
private func stepTimes(_ service: Service, run: Int, steps: Int) throws -> [Double] {
    var count = steps * (run + 1)
    var times = [Int64](repeating: 0, count: count)
    try check(bench_store_times(service.store, 19, &times, &count))
    guard count == steps * (run + 1) else { throw Failure("\(count) steps where \(steps) were to be") }
    return times.suffix(steps).map(Double.init)
}

/// The median time in µs of a step's two commits, of the last 300 steps.
private func commitsOfAStep(_ service: Service, _ copy: String) throws -> Double {
    let (called, started) = (Int64(19), Int64(23))
    var position = try StorePosition(service)
    position.event -= 4 * 300
    let replay = try Replay(of: service, since: position, to: copy)
    defer { try? FileManager.default.removeItem(atPath: copy) }
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
