import FermataCore

/// Sebastiano Vigna's SplitMix64: any seed will do, and the same one gives the same numbers everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ limit: Int) -> Int { limit < 1 ? 0 : Int(next() % UInt64(limit)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// One of a set, whatever order the set is in today.
    mutating func pick(sorted effects: Set<Effect>) -> Effect? {
        effects.isEmpty ? nil : pick(effects.inOrder)
    }
}

extension Set<Effect> {
    /// The same order in every process.
    var inOrder: [Effect] { sorted { $0.key.lexicographicallyPrecedes($1.key) } }
}

extension Effect {
    fileprivate var key: [UInt32] {
        switch self {
        case .model(let step, let attempt): [0, step, attempt]
        case .tool(let call, let attempt): [1, call, attempt]
        case .lease(let call, let attempt): [2, call, attempt]
        }
    }
}
