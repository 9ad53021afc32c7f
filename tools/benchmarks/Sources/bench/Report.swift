internal import Foundation

/// One line of the result.
struct Line: Encodable {
    /// Which row of the design's table it belongs to.
    let row: String
    let what: String
    let unit: String
    let p50: Double
    var p99: Double?
    /// The raw libraries' value, and what it is.
    var raw: Double?
    var rawIs: String?
    /// `p50` to `raw`; over 1 is more than the raw libraries'.
    var ratio: Double? { raw.map { p50 / $0 } }
    let limit: String
    let holds: Bool
    /// What one should know to read the numbers.
    var note: String?

    enum CodingKeys: String, CodingKey { case row, what, unit, p50, p99, raw, rawIs, ratio, limit, holds, note }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(row, forKey: .row)
        try container.encode(what, forKey: .what)
        try container.encode(unit, forKey: .unit)
        try container.encode(p50, forKey: .p50)
        try container.encodeIfPresent(p99, forKey: .p99)
        try container.encodeIfPresent(raw, forKey: .raw)
        try container.encodeIfPresent(rawIs, forKey: .rawIs)
        try container.encodeIfPresent(ratio, forKey: .ratio)
        try container.encode(limit, forKey: .limit)
        try container.encode(holds, forKey: .holds)
        try container.encodeIfPresent(note, forKey: .note)
    }
}

/// All lines of a run of the command, and where they were measured.
struct Report: Encodable {
    let machine: Machine
    let isQuick: Bool
    let seconds: Int
    let lines: [Line]

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    func table() -> String {
        let header = ["row", "what", "p50", "p99", "raw", "ratio", "limit", "holds"]
        let cells =
            [header]
            + lines.map { line in
                [
                    line.row, line.what, "\(Report.number(line.p50)) \(line.unit)", line.p99.map(Report.number) ?? "",
                    line.raw.map(Report.number) ?? "", line.ratio.map { Report.number($0) } ?? "", line.limit,
                    line.holds ? "yes" : "NO",
                ]
            }
        let widths = header.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        var rows = cells.map { row in
            "| "
                + zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: " | ") + " |"
        }
        rows.insert("|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|", at: 1)
        let notes = lines.compactMap { line in
            let raw = line.rawIs.map { "raw is \($0)" }
            let words = [raw, line.note].compactMap { $0 }.joined(separator: "; ")
            return words.isEmpty ? nil : "- \(line.row), \(line.what): \(words)."
        }
        let quick = isQuick ? " Short counts (--quick): noise is large." : ""
        return (rows + [""] + notes + ["", machine.text + " \(seconds) s." + quick]).joined(separator: "\n")
    }

    /// Three digits that count.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        return String(format: size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : "%.2f", value)
    }
}
