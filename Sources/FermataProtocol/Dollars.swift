/// An amount of US dollars as people write it, exact to the billionth.
public struct Dollars: Sendable, Equatable, CustomStringConvertible {
    public var nano: Int64

    public init(nano: Int64) { self.nano = nano }

    /// `2` or `0.25`: digits, with at most nine decimals; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let decimals = parts.count == 2 ? parts[1] : ""
        let digits = parts[0] + decimals + String(repeating: "0", count: max(0, 9 - decimals.count))
        guard !parts[0].isEmpty, decimals.count <= 9, parts.count == 1 || !decimals.isEmpty,
            digits.utf8.allSatisfy({ (48...57).contains($0) }), let nano = Int64(digits)
        else { return nil }
        self.nano = nano
    }

    /// `0.25`; no more decimals than it needs, two at least.
    public var description: String {
        let (dollars, rest) = nano.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        var decimals = String(rest + 1_000_000_000).dropFirst()
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(nano < 0 ? "-" : "")\(dollars).\(decimals)"
    }
}
