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
    // Each by turns with the others.
    let apis = [ModelAPI.chat, .messages, .responses]
    var figures = apis.map { _ in Figures() }
    for _ in 0..<setting.count(15, quick: 5) {
        for (index, api) in apis.enumerated() { figures[index].measure(messages, api) }
    }
    return zip(apis, figures).flatMap { api, figures in
        let (rate, all, of) = (median(figures.rates), median(figures.times), api == .chat ? "" : ", \(api.rawValue)")
        return [
            Line(
                row: "body", what: "encoding of 10,000 steps\(of)", unit: "MB/s", p50: rate, limit: "500",
                holds: rate >= 500, note: "messages of \(output.utf8.count) bytes of output and short calls"),
            Line(
                row: "body", what: "one more step at step 10,000\(of)", unit: "µs", p50: figures.added.p50,
                p99: figures.added.p99, limit: "new part only", holds: figures.added.p50 < all / 100,
                note: "all of it takes \(Report.number(all)) µs"),
        ]
    }
}

private struct Figures {
    var (rates, times, added) = ([Double](), [Double](), Times())

    mutating func measure(_ messages: [ModelMessage], _ api: ModelAPI) {
        var history = ModelHistory(.json(ModelProfile(api), ModelOrigin()))
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
}

/// Lines as tools write them, with some of what JSON must escape.
private let output = (1...16).map { line in
    "Sources/Server/Listener+\(line).swift:\(line * 7):\tlet url = \"ipc:///run/control-\(line).sock\" // told"
}.joined(separator: "\n")
