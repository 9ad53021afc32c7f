/// A length of time as people write it, in milliseconds: `90s`, `30m`, `2h`, `1d`, also put together from the largest
/// to the smallest, `1h30m`; for what is finer, `250ms`.
public struct Period: Sendable, Equatable, CustomStringConvertible {
    public var milliseconds: Int64

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Nil for anything else, and for a period of no time or of more than some thousand years.
    public init?(_ text: String) {
        var milliseconds: Int64 = 0
        var next = Period.units[...]
        var rest = Substring(text)
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            let name = rest[digits.endIndex...].prefix { !("0"..."9").contains($0) }
            guard let number = Int64(digits), number < 100_000_000,
                let unit = next.firstIndex(where: { $0.name == name })
            else { return nil }
            milliseconds += number * Period.units[unit].milliseconds
            next = Period.units[(unit + 1)...]
            rest = rest[name.endIndex...]
        }
        guard milliseconds > 0 else { return nil }
        self.milliseconds = milliseconds
    }

    /// `1h30m`; what is read again as the same period.
    public var description: String {
        var rest = milliseconds
        var text = ""
        for unit in Period.units where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }
}
