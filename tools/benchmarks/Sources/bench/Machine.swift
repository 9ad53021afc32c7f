internal import CBench
internal import Foundation

/// Where was measured, and with what.
struct Machine: Encodable {
    var date: String
    var processor: String
    var cores: Int
    var kernel: String
    var nng: String
    var sqlite: String
    var curl: String
    var fileSystem: String
    /// Of 16 KiB written over themselves, in µs: the pages of about one commit.
    var syncP50: Double
    var syncP99: Double

    init(directory: String, disk: Disk) throws {
        date = ISO8601DateFormatter().string(from: Date())
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        processor =
            lines.first { $0.hasPrefix("model name") }?.split(separator: ":", maxSplits: 1).last
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        kernel =
            (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
        nng = String(cString: bench_nng_version())
        sqlite = String(cString: bench_sqlite_version())
        curl = String(cString: bench_curl_version())
        var name = [CChar](repeating: 0, count: 32)
        bench_file_system(directory, &name, name.count)
        fileSystem = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var times = [UInt64](repeating: 0, count: 200)
        try disk.settle()
        try check(bench_sync_times("\(directory)/sync", 16 << 10, times.count, &times))
        let sync = Times(times)
        syncP50 = sync.p50
        syncP99 = sync.p99
    }

    var text: String {
        "\(date.prefix(10)), \(processor), \(cores) cores, Linux \(kernel), nng \(nng), SQLite \(sqlite), "
            + "curl \(curl), \(fileSystem), "
            + "fdatasync of 16 KiB p50 \(Report.number(syncP50)) µs, p99 \(Report.number(syncP99)) µs."
    }
}

/// Memory of a process, in bytes.
struct Memory {
    var resident = 0
    /// Of it, what is no file's.
    var anonymous = 0

    init(of process: Int32) throws {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        for line in status.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == ":" || $0 == "\t" || $0 == " " })
            guard words.count >= 2, let kibibytes = Int(words[1]) else { continue }
            if words[0] == "VmRSS" { resident = kibibytes << 10 }
            if words[0] == "RssAnon" { anonymous = kibibytes << 10 }
        }
        guard resident > 0 else { throw Failure("process \(process) has no memory: has it ended?") }
    }
}
