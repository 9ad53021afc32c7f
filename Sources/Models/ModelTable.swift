/// What a model costs: billionths of a dollar for a million tokens.
struct ModelPrice: Sendable, Equatable {
    var input: UInt64
    var output: UInt64
    /// Nil: as input.
    var cacheRead: UInt64?
    var cacheWrite: UInt64?
    /// Nil: as output.
    var reasoning: UInt64?
}

/// What is known of a model, by name. What the table does not say is nil.
public struct ModelInfo: Sendable, Equatable {
    var price: ModelPrice?
    /// Prices of requests whose prompt, cached tokens included, is longer than so many tokens; the longest first.
    var steps: [(tokens: UInt64, price: ModelPrice)] = []
    /// Tokens that a request may have at most.
    public internal(set) var window: UInt64?
    /// Tokens that an answer may have at most.
    public internal(set) var outputLimit: UInt64?
    private(set) var flags = ""
    /// A file of prices says nothing of them.
    private(set) var knowsCapabilities = false

    init(price: ModelPrice?) { self.price = price }

    public static func == (left: ModelInfo, right: ModelInfo) -> Bool {
        left.price == right.price && left.window == right.window && left.outputLimit == right.outputLimit
            && left.flags == right.flags
            && left.steps.elementsEqual(right.steps) { $0.tokens == $1.tokens && $0.price == $1.price }
    }

    /// False only where the table says what the model can do, and this is not among it.
    public var seesImages: Bool { !knowsCapabilities || flags.contains("v") }
    public var readsPDF: Bool { flags.contains("p") }
    public var callsTools: Bool { flags.contains("f") }
    public var reasons: Bool { flags.contains("r") }
    /// It decides itself how much it reasons; those before it were given a number of tokens.
    public var adaptsReasoning: Bool { flags.contains("a") }
    /// It refuses temperature and its like.
    public var refusesSampling: Bool { flags.contains("s") }
    /// It is there over OpenAI's Responses only.
    public var isForResponsesOnly: Bool { flags.contains("R") }

    /// - Parameter fields: of a line of the table.
    fileprivate init(_ fields: [Substring]) {
        func field(_ index: Int) -> Substring { index < fields.count ? fields[index] : "" }
        price = ModelPrice(fields.dropFirst().prefix(5).map { $0 })
        window = UInt64(field(6))
        outputLimit = UInt64(field(7))
        flags = String(field(8))
        knowsCapabilities = true
        steps = field(9).split(separator: ";").compactMap { step in
            let parts = step.split(separator: ",", omittingEmptySubsequences: false)
            return UInt64(parts[0]).flatMap { tokens in
                ModelPrice(Array(parts.dropFirst()), base: price).map { (tokens, $0) }
            }
        }.reversed()
    }
}

extension ModelPrice {
    /// - Parameters:
    ///   - dollars: of input, output, cache read, cache write, reasoning; empty where the table says nothing.
    ///   - base: what a step leaves out.
    fileprivate init?(_ dollars: [Substring], base: ModelPrice? = nil) {
        func price(_ index: Int) -> UInt64? {
            index < dollars.count ? ModelPrice.nanoDollars(dollars[index]) : nil
        }
        guard let input = price(0) ?? base?.input, let output = price(1) ?? base?.output else { return nil }
        self.init(
            input: input, output: output, cacheRead: price(2) ?? base?.cacheRead,
            cacheWrite: price(3) ?? base?.cacheWrite, reasoning: price(4) ?? base?.reasoning)
    }

    /// Exactly, up to nine places.
    private static func nanoDollars(_ text: Substring) -> UInt64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = UInt64(parts[0]), parts.count <= 2 else { return nil }
        let places = parts.count == 2 ? parts[1].prefix(9) : ""
        guard let fraction = UInt64(places + String(repeating: "0", count: 9 - places.count)) else { return nil }
        return whole * 1_000_000_000 + fraction
    }
}

/// The table of models that is in the binary, from LiteLLM's.
///
/// Looked up where it stands: nothing of it is kept in memory.
enum ModelTable {
    /// - Parameter name: `provider/model`.
    static func info(of name: String) -> ModelInfo? {
        fields(of: name).map(ModelInfo.init)
    }

    /// Names of all models of a provider, in order.
    static func names(of provider: String) -> [String] {
        let start = Array((provider + "/").utf8)
        return lines.withUTF8Buffer { text in
            var names: [String] = []
            for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: start) {
                names.append(String(decoding: line.prefix { $0 != UInt8(ascii: "|") }, as: UTF8.self))
            }
            return names
        }
    }

    private static func fields(of name: String) -> [Substring]? {
        let wanted = Array(name.utf8)
        return lines.withUTF8Buffer { text -> [Substring]? in
            // By halves: of the lines that begin in a range.
            var (low, high) = (0, text.count)
            while low < high {
                var start = (low + high) / 2
                while start > low, text[start - 1] != UInt8(ascii: "\n") { start -= 1 }
                let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
                let key = text[start..<end].prefix { $0 != UInt8(ascii: "|") }
                if key.elementsEqual(wanted) {
                    return String(decoding: text[start..<end], as: UTF8.self)
                        .split(separator: "|", omittingEmptySubsequences: false)
                }
                if key.lexicographicallyPrecedes(wanted) { low = min(end + 1, text.count) } else { high = start }
            }
            return nil
        }
    }
}
