internal import CBench
internal import FermataProtocol
internal import Foundation

/// Memory when idle, and the time from start to the first answer, with an empty store and with a large one.
func start(_ setting: Setting) throws -> [Line] {
    let rounds = setting.count(9, quick: 3)
    let runs = setting.count(100_000, quick: 5000)
    let large = "\(setting.directory)/start-large"
    try makeStore(large, runs: runs)
    var (empty, full) = ([Double](), [Double]())
    var (idle, idleFull) = (try measureStart("\(setting.directory)/start-0"), try measureStart(large))
    for round in 1...rounds {
        idle = try measureStart("\(setting.directory)/start-\(round)")
        empty.append(idle.milliseconds)
        idleFull = try measureStart(large)
        full.append(idleFull.milliseconds)
    }
    let mebibyte = Double(1 << 20)
    let resident = Double(idle.memory.resident) / mebibyte
    let anonymous = Report.number(Double(idle.memory.anonymous) / mebibyte)
    let residentFull = Report.number(Double(idleFull.memory.resident) / mebibyte)
    return [
        Line(
            row: "start", what: "resident memory, idle", unit: "MiB", p50: resident, limit: "32",
            holds: resident <= 32,
            note: "of it \(anonymous) are no file's pages; with \(runs) runs in the store it is \(residentFull)"),
        Line(
            row: "start", what: "start → ready, empty store", unit: "ms", p50: median(empty), p99: empty.max(),
            limit: "50", holds: median(empty) <= 50, note: "until Hello is answered; p99 is the slowest of \(rounds)"),
        Line(
            row: "start", what: "start → ready, \(runs) runs, \(10 * runs) events", unit: "ms", p50: median(full),
            p99: full.max(), limit: "1,000", holds: median(full) <= 1000),
    ]
}

private func measureStart(_ directory: String) throws -> (milliseconds: Double, memory: Memory) {
    let service = try Service(directory)
    // Idle: what the start left to do in the background is done, and a tick has passed.
    usleep(1_200_000)
    let memory = try service.program.memory
    try service.end()
    return (Double(service.readyTime) / 1e6, memory)
}

/// Makes a store of runs with ten events each, half of them finished and half on hold: two are made by the service,
/// the others are copies of their rows.
private func makeStore(_ directory: String, runs: Int) throws {
    let script = "\(directory).json"
    try Data(#"[{"match": "", "text": "An answer of a few words, as models give them."}]"#.utf8)
        .write(to: URL(fileURLWithPath: script))
    let service = try Service(directory)
    let finished = try service.launch(task: "Say something.", model: "mock/\(script)")
    for _ in 0..<2 {
        try service.wait(finished, for: [.finished])
        _ = try service.client.reply(to: encodedSend(to: finished))
    }
    try service.wait(finished, for: [.finished])
    let held = try service.launchPaused()
    for _ in 0..<8 { _ = try service.client.reply(to: encodedSend(to: held)) }
    try service.end()
    var position = (event: Int64(0), request: Int64(0))
    try check(bench_store_ends("\(directory)/fermata.db", &position.event, &position.request))
    guard position.event == 20 else { throw Failure("two runs of ten events have \(position.event)") }
    try check(bench_store_multiply("\(directory)/fermata.db", runs / 2 - 1))
}
