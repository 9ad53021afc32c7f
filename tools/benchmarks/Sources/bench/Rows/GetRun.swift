internal import FermataProtocol
internal import SwiftProtobuf

/// GetRun of a run in memory, and an nng echo of the same sizes, by turns.
func getRun(_ setting: Setting) throws -> [Line] {
    let service = try Service("\(setting.directory)/get-run")
    let run = try service.launchPaused()
    _ = try service.client.reply(to: encodedSend(to: run))
    let request = try encode(FermataGetRun.with { $0.run = run })
    let replySize = try service.client.reply(to: request).encoded.count
    let echo = try Echo("get-run-echo", replySize: replySize, setting)

    let requests = Requests(request, count: setting.count(2000, quick: 400))
    var (fermata, raw) = (Times(), Times())
    _ = try (service.client.times(requests), echo.client.times(requests))
    for _ in 0..<setting.count(15, quick: 5) {
        fermata.add(try service.client.times(requests))
        raw.add(try echo.client.times(requests))
    }
    try service.end()
    return [
        Line(
            row: "get-run", what: "GetRun of a run in memory", unit: "µs", p50: fermata.p50, p99: fermata.p99,
            raw: raw.p50, rawIs: "an nng echo of the same sizes (\(request.count) and \(replySize) bytes)",
            limit: "1.5 × raw", holds: fermata.p50 <= 1.5 * raw.p50)
    ]
}
