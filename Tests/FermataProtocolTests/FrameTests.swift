import FermataProtocol
import Testing

struct FrameTests {
    @Test func encodesHeaderAndBody() throws {
        let frame = Frame(type: 0x8005, flags: 3, body: [1, 2, 3])
        #expect(frame.encoded.hex == "0000000380050103" + "010203")
        #expect(try Frame.frames(in: frame.encoded) == [frame])
    }

    @Test(arguments: [0, 1, 255, 256, 65_535, 65_536, 1 << 20])
    func bodiesOfAnyLength(length: Int) throws {
        let frames = [Frame(type: 1, body: [UInt8](repeating: 7, count: length)), Frame(type: 2, body: [])]
        #expect(try Frame.frames(in: frames.flatMap(\.encoded)) == frames)
    }

    @Test func aSliceIsReadFromItsOwnBeginning() throws {
        let frame = Frame(type: 256, body: [9])
        let published = [UInt8](repeating: 1, count: Topic.length) + frame.encoded
        #expect(try Frame.frames(in: published.dropFirst(Topic.length)) == [frame])
        #expect(throws: FramingError.self) { try Frame.frames(in: published) }
    }

    /// A length that reaches past the message is refused before anything is allocated for it.
    @Test(arguments: [4, 5, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF7, 0xFFFF_FFFF] as [UInt32])
    func lengthsBeyondTheMessage(length: UInt32) throws {
        let header = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32($0))) } + [0, 1, 1, 0]
        let error = #expect(throws: FramingError.self) { try Frame.frames(in: header + [1, 2, 3]) }
        #expect(error?.offset == 0)
        #expect(error?.problem.contains(String(length)) == true)
        let good = Frame(type: 1, body: [1]).encoded
        let second = #expect(throws: FramingError.self) { try Frame.frames(in: good + header + [1, 2, 3]) }
        #expect(second?.offset == good.count)
    }

    /// Cut anywhere but between two frames, a message is refused; the error says which frame it was.
    @Test func everyTruncation() throws {
        let frames = [Frame(type: 1, body: []), Frame(type: 4, body: [1, 2, 3, 4]), Frame(type: 13, body: [5])]
        let message = frames.flatMap(\.encoded)
        let ends = [8, 20, 29]
        for length in 0..<message.count {
            if let whole = ends.firstIndex(of: length) {
                #expect(try Frame.frames(in: message.prefix(length)) == Array(frames[...whole]))
            } else {
                let error = #expect(throws: FramingError.self) { try Frame.frames(in: message.prefix(length)) }
                #expect(error?.offset == ends.last { $0 < length } ?? 0, "\(length)")
            }
        }
    }

    /// Whatever comes is cut into frames that make the same bytes again, or is refused.
    @Test func anyBytes() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Mostly short lengths, so that some of it is frames.
            for index in bytes.indices where index % 9 < 3 { bytes[index] = 0 }
            guard let frames = try? Frame.frames(in: bytes) else { continue }
            #expect(frames.flatMap(\.encoded) == bytes)
        }
    }

    struct SeededGenerator: RandomNumberGenerator {
        private var state: UInt64
        init(seed: UInt64) { state = seed }

        /// SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = state
            bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            return bits ^ (bits >> 31)
        }
    }
}
