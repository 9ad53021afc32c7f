internal import CBench
internal import FermataProtocol

/// The rows that a service has just written, ready to be written again by SQLite alone.
///
/// They are taken out of a copy of its store, so that tables and indexes are as large as they were, and go in again in
/// transactions of the same rows, with the same settings of the connection, over a log of the same length.
final class Replay {
    private let replay: OpaquePointer

    /// - Parameter position: of the store before the rows were written.
    init(of service: Service, since position: StorePosition, to copy: String) throws {
        try check(bench_store_copy(service.store, copy))
        guard let replay = bench_replay_open(copy, position.event + 1, position.request + 1) else {
            throw Failure(String(cString: bench_error()))
        }
        self.replay = replay
    }

    /// The last so many events, whose commits accepted no requests.
    convenience init(of service: Service, lastEvents: Int, to copy: String) throws {
        var position = try StorePosition(service)
        position.event -= Int64(lastEvents)
        try self.init(of: service, since: position, to: copy)
    }

    deinit { bench_replay_close(replay) }

    var requests: Int { bench_replay_requests(replay) }
    var events: Int { bench_replay_events(replay) }

    /// Of the event at an index.
    func kind(_ index: Int) -> Int64 { bench_replay_kind(replay, index) }

    /// How many requests one commit of the service accepted, for each of its commits.
    var batches: [Int] {
        var batches: [Int] = []
        var index = 0
        while index < requests {
            let size = bench_replay_batch(replay, index)
            batches.append(size)
            index += size
        }
        return batches
    }

    func rewind() throws { try check(bench_replay_rewind(replay)) }

    /// - Returns: ns.
    func commit(events: Int, requests: Int) throws -> UInt64 {
        var time: UInt64 = 0
        try check(bench_replay_commit(replay, events, requests, &time))
        return time
    }
}

struct StorePosition {
    var event: Int64 = 0
    var request: Int64 = 0

    init(_ service: Service) throws { try check(bench_store_ends(service.store, &event, &request)) }
}

/// Sends to so many runs in turn.
func sends(to runs: [String], count: Int) throws -> Requests {
    var requests = Requests()
    for index in 0..<count { requests.append(try encodedSend(to: runs[index % runs.count])) }
    return requests
}

/// Send to paused runs: one event, the run's row, one request id, and nothing that happens because of it. Pause and
/// Resume by turns would change the run's keys in the indexes each time, which a typical command does not.
func command(_ setting: Setting) throws -> [Line] {
    let service = try Service("\(setting.directory)/command")
    let runs = try (0..<100).map { _ in try service.launchPaused() }
    let count = setting.count(200, quick: 50)
    let rounds = setting.count(15, quick: 5)

    // Also warms up: the log reaches its length.
    let position = try StorePosition(service)
    _ = try service.client.times(sends(to: runs, count: count * rounds))
    let replay = try Replay(of: service, since: position, to: "\(setting.directory)/command.db")

    let example = try encodedSend(to: runs[0])
    let replySize = try service.client.reply(to: example).encoded.count
    let echo = try Echo("command-echo", replySize: replySize, setting)
    let echoes = Requests(example, count: count)
    _ = try echo.client.times(echoes)

    var (fermata, rawEcho, rawCommit) = (Times(), Times(), Times())
    for _ in 0..<rounds {
        let requests = try sends(to: runs, count: count)
        try setting.disk.settle()
        fermata.add(try service.client.times(requests))
        rawEcho.add(try echo.client.times(echoes))
        try setting.disk.settle()
        rawCommit.add(try (0..<count).map { _ in try replay.commit(events: 1, requests: 1) })
    }
    try service.end()
    let raw = rawEcho.p50 + rawCommit.p50
    let parts = "echo \(Report.number(rawEcho.p50)) + commit \(Report.number(rawCommit.p50))"
    return [
        Line(
            row: "command", what: "Send to a paused run", unit: "µs", p50: fermata.p50, p99: fermata.p99, raw: raw,
            rawIs: "an nng echo of the same sizes and an SQLite commit of the same rows (\(parts))",
            limit: "1.5 × raw", holds: fermata.p50 <= 1.5 * raw, note: "100 runs by turns, texts of 256 bytes")
    ]
}

/// The same command from 64 clients at once, and SQLite alone inserting the same rows in the same batches.
func commands(_ setting: Setting) throws -> [Line] {
    let service = try Service("\(setting.directory)/commands")
    let runs = try (0..<64).map { _ in try service.launchPaused() }
    let count = setting.count(10_000, quick: 2000)

    func round() throws -> (rate: Double, times: [UInt64]) {
        let requests = try sends(to: runs, count: count)
        var times = [UInt64](repeating: 0, count: count)
        var elapsed: UInt64 = 0
        var refused = 0
        try requests.withC { try check(bench_parallel(service.controlURL, 64, $0, &times, &elapsed, &refused)) }
        guard refused == 0 else { throw Failure("\(refused) of \(count) commands were refused") }
        return (Double(count) / Double(elapsed) * 1e9, times)
    }

    _ = try round()
    let position = try StorePosition(service)
    _ = try round()
    let replay = try Replay(of: service, since: position, to: "\(setting.directory)/commands.db")
    let batches = replay.batches

    var (rates, rawRates, latencies) = ([Double](), [Double](), Times())
    for _ in 0..<setting.count(7, quick: 3) {
        try setting.disk.settle()
        let (rate, times) = try round()
        rates.append(rate)
        latencies.add(times)
        try replay.rewind()
        try setting.disk.settle()
        let elapsed = try batches.reduce(0) { try $0 + replay.commit(events: $1, requests: $1) }
        rawRates.append(Double(count) / Double(elapsed) * 1e9)
    }
    try service.end()
    let (rate, raw) = (median(rates), median(rawRates))
    let size = Report.number(Double(count) / Double(batches.count))
    return [
        Line(
            row: "commands", what: "Sends per second, 64 clients", unit: "/s", p50: rate, raw: raw,
            rawIs: "SQLite inserting the same rows in the same batches (\(size) on average)", limit: "0.5 × raw",
            holds: rate >= 0.5 * raw,
            note: "one answer takes \(Report.number(latencies.p50)) µs p50, \(Report.number(latencies.p99)) µs p99")
    ]
}
