internal import CBench
internal import Models

/// What a model is shown after 10,000 steps, put into the form in which it is sent: all of it, as after a restart, and
/// what one more step adds, as for every other model call.
func requestBody(_ setting: Setting) throws -> [Line] {
    let steps = 10_000
    let messages = (1...steps).flatMap { step -> [ModelMessage] in
        let call = ModelToolCall(
            id: "call_\(step)_1", name: "terminal",
            arguments: #"{"command":"grep -rn \"listen\" Sources | sort | head -\#(step)"}"#)
        return [
            .assistant(text: "Step \(step): I look where it listens, then at what is called there.", calls: [call]),
            .tool(callID: call.id, content: ModelContent(output)),
        ]
    }
    var (rates, times, added) = ([Double](), [Double](), Times())
    for _ in 0..<setting.count(15, quick: 5) {
        var history = ModelHistory(.json(ModelProfile(), ModelOrigin()))
        let begun = bench_now()
        for message in messages { history.append(message) }
        let microseconds = Double(bench_now() - begun) / 1000
        times.append(microseconds)
        rates.append(Double(history.byteCount) / microseconds)
        added.add(
            (0..<200).map { step in
                // A request in flight holds the history, as it does in the service.
                let held = history
                let begun = bench_now()
                for message in messages[2 * step..<2 * step + 2] { history.append(message) }
                defer { withExtendedLifetime(held) {} }
                return bench_now() - begun
            })
    }
    let rate = median(rates)
    return [
        Line(
            row: "body", what: "encoding of 10,000 steps", unit: "MB/s", p50: rate, limit: "500", holds: rate >= 500,
            note: "messages of \(output.utf8.count) bytes of output and short calls"),
        Line(
            row: "body", what: "one more step at step 10,000", unit: "µs", p50: added.p50, p99: added.p99,
            limit: "new part only", holds: added.p50 < median(times) / 100,
            note: "all of it takes \(Report.number(median(times))) µs"),
    ]
}

/// Lines as tools write them, with some of what JSON must escape.
private let output = (1...16).map { line in
    "Sources/Server/Listener+\(line).swift:\(line * 7):\tlet url = \"ipc:///run/control-\(line).sock\" // told"
}.joined(separator: "\n")
