internal import Foundation
internal import Logging

/// The service's log: one line for each event on standard error, as `key=value` pairs or as JSON. Time, level and
/// message first, then the run and the request that the event concerns, then the rest by name.
struct LogLine: LogHandler {
    enum Format: String, Sendable { case text, json }

    let format: Format
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let line = self.line(event, at: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        // One write for a line, so that lines of several threads do not mix. Nobody may be reading.
        let bytes = Array((line + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    private func line(_ event: LogEvent, at milliseconds: Int64) -> String {
        var pairs = [
            ("time", Self.time(milliseconds)), ("level", event.level.rawValue), ("msg", event.message.description),
        ]
        var rest = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for key in ["run", "request"] {
            if let value = rest.removeValue(forKey: key) { pairs.append((key, value.description)) }
        }
        pairs += rest.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        if let error = event.error { pairs.append(("error", "\(error)")) }
        switch format {
        case .text:
            return pairs.map { "\($0.0)=\(Self.isPlain($0.1) ? $0.1 : Self.quoted($0.1))" }.joined(separator: " ")
        case .json: return "{" + pairs.map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }.joined(separator: ",") + "}"
        }
    }

    private static func time(_ milliseconds: Int64) -> String {
        var (seconds, parts) = (time_t(milliseconds / 1000), tm())
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
            parts.tm_hour, parts.tm_min, parts.tm_sec, Int32(milliseconds % 1000))
    }

    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
    }

    /// As a JSON string, of which no character ends the line or moves a terminal's cursor.
    private static func quoted(_ text: String) -> String {
        var line = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": line += "\\\""
            case "\\": line += "\\\\"
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            default:
                let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || scalar == "\u{2028}"
                if isControl {
                    line += String(format: "\\u%04x", scalar.value)
                } else {
                    line.unicodeScalars.append(scalar)
                }
            }
        }
        return line + "\""
    }
}
