internal import CBench
internal import Foundation

/// A program that runs beside, ended by `end` or with this process.
final class Program {
    private var process = bench_process()
    private var hasEnded = false
    /// From its start to its first line of output, in ns.
    private(set) var startTime: UInt64 = 0
    let log: String

    var id: Int32 { process.pid }

    /// Starts a program of the package's build and waits for its first line.
    init(_ name: String, _ arguments: [String], environment: [String: String] = [:], log: String) throws {
        self.log = log
        let path = Bundle.main.executableURL!.deletingLastPathComponent().appending(path: name).path
        var variables = ProcessInfo.processInfo.environment
        for name in variables.keys where name.hasPrefix("LLM_") || name.hasPrefix("FERMATA_") { variables[name] = nil }
        variables.merge(environment) { $1 }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + settings { free(text) } }
        try check(bench_spawn(path, &words, &settings, log, &process))
        var ready: UInt64 = 0
        guard bench_wait_line(&process, &ready) == 0 else {
            hasEnded = true
            _ = bench_end(&process)
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw Failure("\(name) does not start: \(text.suffix(500))")
        }
        startTime = ready - process.started
    }

    deinit { try? end() }

    func end() throws {
        guard !hasEnded else { return }
        hasEnded = true
        try check(bench_end(&process))
    }

    var memory: Memory { get throws { try Memory(of: id) } }
}

/// The nng echo: the same sizes as Fermata's, nothing in between.
struct Echo {
    let program: Program
    let client: Client

    init(_ name: String, replySize: Int, _ setting: Setting) throws {
        let url = "ipc://\(setting.directory)/\(name).sock"
        program = try Program(
            "bench-echo", [url, "\(replySize)", "64"], log: "\(setting.directory)/\(name).log")
        client = try Client(url)
    }
}
