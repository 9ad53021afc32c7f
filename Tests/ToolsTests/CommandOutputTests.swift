import Secrets
import Testing
import Threads

@testable import Tools

@Suite struct CommandOutputTests {
    private static let now = MonotonicTime(nanoseconds: 1)

    /// The live text and the result of these chunks.
    private func play(_ chunks: [[UInt8]], secrets: [String] = [], limit: Int = 1000) -> (live: String, ToolOutput) {
        let output = CommandOutput(secrets: SecretTable(secrets), limit: limit)
        var live = ""
        for chunk in chunks { live += chunk.withUnsafeBytes { output.append($0, at: CommandOutputTests.now) } }
        let end = output.finish()
        #expect(output.take() == end.output)
        return (live + end.live, end.output)
    }

    /// Race: a command writes on while its output is taken. Wherever that is, what was shown is what was taken begins
    /// with, also of a character or a secret that comes in two parts; and what comes later is kept.
    @Test func whatWasShownIsAPrefixOfWhatWasTaken() {
        let text = "1 abcdefgh 2 ä€🎵 abcdefghij \u{0} z abcdefghXbcdefghX"
        let bytes = Array(text.utf8) + [0xE2, 0x82, 0xFF] + Array("abcdef".utf8)
        let secrets = ["abcdefgh", "abcdefghij", "bcdefghX"]
        let (_, whole) = play([bytes], secrets: secrets)
        for cut in 0...bytes.count {
            for second in cut...bytes.count {
                let output = CommandOutput(secrets: SecretTable(secrets), limit: 1000)
                let append = { (part: ArraySlice<UInt8>) in
                    part.withUnsafeBytes { output.append($0, at: CommandOutputTests.now) }
                }
                var shown = append(bytes[..<cut])
                let taken = output.take()
                #expect(taken.text.utf8.starts(with: shown.utf8))
                shown += append(bytes[cut..<second]) + append(bytes[second...])
                #expect(taken.text.utf8.starts(with: shown.utf8))
                // A batch that cannot be written: what is taken again is more.
                #expect(output.take().text.utf8.starts(with: shown.utf8))
                let end = output.finish()
                #expect(end.live.isEmpty && end.output == whole)
            }
        }
    }

    private func halves(_ bytes: [UInt8]) -> [[[UInt8]]] {
        (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] } + [bytes.map { [$0] }]
    }

    @Test func secretsAreMaskedWhereverTheyAreCut() {
        let secrets = ["abcdefgh", "abcdefghij", "bcdefghX", "aaaaaaaab", "x\ny\nz\nzzz"]
        for (text, masked) in [
            ("1 abcdefgh 2 abcdefghij 3", "1 **** 2 **** 3"), ("abcdefghi.", "****i."), ("abcdefghi", "****"),
            ("abcdefghX", "****"), ("a%62cdefg%68", "****"),
            ("aaaaaaaaaaab", "aaa****"), ("abcdefghabcdefghij", "********"), ("x\ny\nz\nzzz", "****"),
            ("abcdefg", "abcdefg"), ("abcdefg abcdefghi", "abcdefg ****"), ("äabcdefghijä", "ä****ä"),
        ] {
            for chunks in halves(Array(text.utf8)) {
                let (live, output) = play(chunks, secrets: secrets)
                #expect(output.text == masked)
                #expect(live == masked)
            }
        }
    }

    @Test func aSecretCutByTheEndIsMasked() {
        #expect(play([Array("key 0123456789abcdef".utf8)], secrets: ["0123456789abcdefXYZ"]).1.text == "key ****")
        #expect(play([Array("key 012".utf8)], secrets: ["0123456789abcdefXYZ"]).1.text == "key 012")
    }

    /// Swift's own decoder is the reference.
    @Test func anyBytesBecomeText() {
        var random = SplitMix(state: 42)
        let pieces: [[UInt8]] = [
            [0xC3, 0xA4], [0xE2, 0x82, 0xAC], [0xF0, 0x9F, 0x8E, 0xB5], [0x61], [0x80], [0xC0, 0xAF],
            [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0xF0, 0x9F], [0xFF], [0x00],
        ]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...6, using: &random)).flatMap { _ in pieces.randomElement(using: &random)!
            }
            let expected = String(decoding: bytes, as: UTF8.self)
            for chunks in halves(bytes) {
                let (live, output) = play(chunks)
                #expect(Array(output.text.utf8) == Array(expected.utf8), "\(chunks)")
                #expect(Array(live.utf8) == Array(expected.utf8))
                #expect(output.repaired == (Array(expected.utf8) != bytes))
            }
        }
    }

    @Test func theMiddleIsLeftOutBetweenWholeCharacters() {
        let line = "zwölf Boxkämpfer € 🎵\n"
        for limit in 64...120 {
            for count in 1...20 {
                let text = String(repeating: line, count: count)
                for chunks in [[Array(text.utf8)], text.utf8.map { [$0] }] {
                    let (_, output) = play(chunks, limit: limit)
                    if text.utf8.count <= limit {
                        #expect(output == ToolOutput(text: text))
                        continue
                    }
                    #expect(!output.repaired && !output.text.unicodeScalars.contains("\u{FFFD}"))
                    let parts = output.text.split(separator: "[… \(output.omittedBytes) bytes left out …]\n")
                    #expect(parts.count == 2)
                    // A line break before the mark is the text's own or was put there.
                    let kept = text.utf8.count - Int(output.omittedBytes)
                    let head = kept - parts[1].utf8.count
                    #expect(head == parts[0].utf8.count || head == parts[0].utf8.count - 1 && parts[0].last == "\n")
                    #expect(text.hasPrefix(String(decoding: parts[0].utf8.prefix(head), as: UTF8.self)))
                    #expect(text.hasSuffix(parts[1]))
                    #expect(limit - 8 <= kept && kept <= limit)
                }
            }
        }
    }

    /// Of the tool's own bytes, whatever stands for them: between the head that is shown and the tail.
    @Test func whatIsLeftOutIsCountedInTheToolsBytes() {
        /// The tool's bytes, and what is shown for them.
        let pieces: [(own: [UInt8], shown: String)] = [
            (Array("line\n".utf8), "line\n"), ([0xFF], "\u{FFFD}"), ([0xF0, 0x9F, 0x8E, 0x20], "\u{FFFD} "),
            (Array("€".utf8), "€"), (Array("0123456789abcdef".utf8), "****"), ([0xE2, 0x82, 0x0A], "\u{FFFD}\n"),
        ]
        var random = SplitMix(state: 7)
        for round in 0..<300 {
            let limit = 64 + round
            let chosen = (0..<200).map { _ in pieces.randomElement(using: &random)! }
            let bytes = chosen.flatMap(\.own)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            for chunks in [[bytes], bytes.map { [$0] }, [Array(bytes[..<cut]), Array(bytes[cut...])]] {
                let (_, output) = play(chunks, secrets: ["0123456789abcdef"], limit: limit)
                let parts = output.text.split(separator: "[… \(output.omittedBytes) bytes left out …]\n")
                #expect(parts.count == 2 && output.repaired)
                // The reference: each piece is where its first byte is shown. The head is a beginning of the text, but for
                // a line break that may have been put there; the tail is an end.
                let whole = chosen.map(\.shown).joined()
                let isWhole = whole.utf8.starts(with: parts[0].utf8) && parts[0].utf8.count <= limit - limit / 2
                let head = parts[0].utf8.count - (isWhole ? 0 : 1)
                let tail = whole.utf8.count - parts[1].utf8.count
                #expect(whole.hasSuffix(parts[1]) && head <= tail)
                var (offset, omitted) = (0, 0)
                for piece in chosen {
                    for unit in units(piece) {
                        if (head..<tail).contains(offset) { omitted += unit.own }
                        offset += unit.shown
                    }
                }
                #expect(output.omittedBytes == UInt64(omitted), "limit \(limit), \(chunks.count) chunks")
            }
        }
    }

    /// Of a piece what belongs together: a replacement stands for all of its bytes at its first, others each for themselves.
    private func units(_ piece: (own: [UInt8], shown: String)) -> [(own: Int, shown: Int)] {
        if piece.shown == "****" { return [(piece.own.count, 1)] + Array(repeating: (0, 1), count: 3) }
        guard piece.shown.hasPrefix("\u{FFFD}") else { return piece.own.map { _ in (1, 1) } }
        let rest = piece.shown.utf8.count - 3
        return [(piece.own.count - rest, 1), (0, 1), (0, 1)] + Array(repeating: (1, 1), count: rest)
    }

    @Test func liveOutputHasABoundedRate() {
        let output = CommandOutput(secrets: .none, limit: 1000)
        let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 65536)
        var live = 0
        var marks = 0
        for millisecond in 0..<1000 {
            let text = chunk.withUnsafeBytes {
                output.append($0, at: MonotonicTime(nanoseconds: Int64(millisecond) * 1_000_000))
            }
            live += text.utf8.count
            if text.contains("bytes left out") { marks += 1 }
        }
        let end = output.finish()
        #expect(live < 10 * (256 + 64) * 1024)
        #expect(marks == 9)
        #expect(end.live == "\n[… \(96 * 65536) bytes left out …]\n")
        #expect(end.output.omittedBytes == 65_536_000 - 1000)
        let broken = CommandOutput(secrets: .none, limit: 1000)
        for _ in 0..<10 {
            _ = [UInt8](repeating: 0xFF, count: 20_000).withUnsafeBytes { broken.append($0, at: Self.now) }
        }
        #expect(broken.finish().live == "\n[… 100000 bytes left out …]\n")
    }
}

/// The same numbers every time.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
