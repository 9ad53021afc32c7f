internal import CBench
internal import FermataProtocol
internal import SwiftProtobuf
internal import Foundation

/// A service whose runs stream from a model's server in C.
final class Streams {
    let model: OpaquePointer
    let service: Service
    private(set) var runs: [String] = []
    /// Text of one piece; each stream gets one in so many milliseconds.
    static let text = "four words of text "
    static let interval: UInt32 = 100

    init(_ directory: String, slots: Int) throws {
        guard let model = bench_model_start(slots, Streams.interval, Streams.text) else {
            throw Failure(String(cString: bench_error()))
        }
        self.model = model
        service = try Service(directory, model: "openai/bench", modelPort: bench_model_port(model))
    }

    deinit {
        try? service.end()
        bench_model_stop(model)
    }

    /// Launches runs until so many stream.
    func launch(_ count: Int) throws {
        while runs.count < count { runs.append(try service.launch(task: "stream-\(runs.count). Tell me something.")) }
        try wait("\(count) runs do not stream") { [model] in bench_model_streaming(model) >= count }
    }

    /// Interrupts a run; then it streams again.
    ///
    /// - Returns: ns from the moment when the request was handed to nng until the model's server saw the connection
    ///   closed.
    func interrupt(_ slot: Int) throws -> UInt64 {
        let begun = bench_model_begun(model, slot)
        let request = try encode(
            FermataInterrupt.with {
                $0.requestID = newRequestID()
                $0.by = "bench"
                $0.run = runs[slot]
            })
        let sent = bench_now()
        _ = try service.client.reply(to: request)
        try wait("an interrupted stream is not closed") { [model] in bench_model_closed(model, slot) != 0 }
        let closed = bench_model_closed(model, slot)
        _ = try service.client.send(
            FermataResume.with {
                $0.requestID = newRequestID()
                $0.by = "bench"
                $0.run = runs[slot]
            })
        try wait("a resumed run does not stream") { [model] in bench_model_begun(model, slot) > begun }
        return closed - sent
    }

    private func wait(_ what: String, until isTrue: () -> Bool) throws {
        let deadline = bench_now() + 60_000_000_000
        while !isTrue() {
            guard bench_now() < deadline else { throw Failure("\(what) after 60 s") }
            usleep(200)
        }
    }
}

/// Interrupt of a streaming run, alone and among many.
func interrupt(_ setting: Setting) throws -> [Line] {
    let many = setting.count(1000, quick: 100)
    let streams = try Streams("\(setting.directory)/interrupt", slots: many)
    func measure(_ count: Int) throws -> Times {
        Times(try (0..<count).map { try streams.interrupt($0 % streams.runs.count) })
    }
    try streams.launch(1)
    _ = try measure(10)
    let idle = try measure(setting.count(400, quick: 40))
    try streams.launch(many)
    let busy = try measure(setting.count(600, quick: 60))
    let pace = "each gets \(Streams.text.utf8.count) bytes every \(Streams.interval) ms"
    return [
        Line(
            row: "interrupt", what: "one stream: sent → connection seen closed", unit: "µs", p50: idle.p50,
            p99: idle.p99, limit: "500, p99 5,000", holds: idle.p50 <= 500 && idle.p99 <= 5000),
        Line(
            row: "interrupt", what: "among \(many) streams", unit: "µs", p50: busy.p50, p99: busy.p99,
            limit: "p99 20,000", holds: busy.p99 <= 20_000, note: pace),
    ]
}

/// What a streaming run adds to the service's memory.
func streamingMemory(_ setting: Setting) throws -> [Line] {
    let many = setting.count(1000, quick: 200)
    let first = many / 10
    let streams = try Streams("\(setting.directory)/streaming", slots: many + first)
    // The first ones pay for what is there once: curl, buffers of the allocator, pages of SQLite.
    try streams.launch(first)
    let before = try streams.service.program.memory
    let textBefore = bench_model_bytes(streams.model)
    try streams.launch(first + many)
    // Streams go on for a while, so that buffers have grown to what they need.
    usleep(2_000_000)
    let text = Double(bench_model_bytes(streams.model) - textBefore)
    let after = try streams.service.program.memory
    // Of files' pages the service gives back what it does not need, whatever the runs do.
    let each = (Double(after.anonymous - before.anonymous) - text) / Double(many) / 1024
    return [
        Line(
            row: "streaming", what: "memory per streaming run, less its text", unit: "KiB", p50: each, limit: "64",
            holds: each <= 64, note: "\(many) streams, \(Report.number(text / Double(many) / 1024)) KiB of text each")
    ]
}
