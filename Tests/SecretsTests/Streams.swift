import Secrets

/// The stream that these pieces make.
func play(_ pieces: [[UInt8]], _ table: SecretTable) -> [UInt8] {
    var mask = SecretMask(table)
    let passed = pieces.flatMap { piece in piece.withUnsafeBytes { mask.mask($0) } }
    return passed + mask.finish()
}

/// Cut at each byte, and into single bytes.
func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
    (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] } + [bytes.map { [$0] }]
}

func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

/// The same numbers every time.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
