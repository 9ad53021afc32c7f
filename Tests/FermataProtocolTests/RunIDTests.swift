import FermataProtocol
import Testing

struct RunIDTests {
    static let text = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4"
    static let id = RunID(high: 0x01a1_fd62_0ace_73f3, low: 0xb7a9_654f_5c09_1bd4)

    @Test func textAndBytesGoBothWays() {
        #expect(RunID(Self.text) == Self.id)
        #expect(RunID(Self.text.uppercased()) == Self.id)
        #expect(Self.id.description == Self.text)
        #expect(Self.id.bytes.hex == Self.text.filter { $0 != "-" })
        #expect(RunID(bytes: Self.id.bytes) == Self.id)
        #expect(RunID(bytes: Self.id.bytes.dropLast()) == nil)
        #expect(RunID(bytes: Self.id.bytes + [0]) == nil)
        for id in [RunID(high: 0, low: 0), RunID(high: .max, low: .max), RunID(high: 1, low: 1 << 63)] {
            #expect(RunID(id.description) == id)
            #expect(RunID(bytes: id.bytes) == id)
        }
    }

    @Test(arguments: [
        "", "01a1fd62", "01a1fd620ace73f3b7a9654f5c091bd4", "01a1fd62-0ace-73f3-b7a9-654f5c091bd", text + "0",
        " " + text, "{" + text + "}", "01a1fd62-0ace-73f3-b7a9-654f5c091bdg", "01a1fd62_0ace_73f3_b7a9_654f5c091bd4",
        "01a1fd620-ace-73f3-b7a9-654f5c091bd4", "01a1fd62-0ace-73f3-b7a9-654f5c091b\u{664}",
        "+1a1fd62-0ace-73f3-b7a9-654f5c091bd4",
    ])
    func whatIsNoUUID(text: String) {
        #expect(RunID(text) == nil)
    }

    /// RFC 9562: 48 bits of milliseconds, version 7, the rest of the time, variant 2, random bits.
    @Test func isVersion7() {
        let id = RunID(microseconds: 1_795_252_384_123_456, random: .max)
        #expect(id.high >> 16 == 1_795_252_384_123)
        #expect(id.high >> 12 & 15 == 7)
        #expect(id.high & 0xFFF == 456 * 4096 / 1000)
        #expect(id.low == 0xBFFF_FFFF_FFFF_FFFF)
        #expect(RunID(microseconds: 1_795_252_384_123_456, random: 0).low == 0x8000_0000_0000_0000)
    }

    /// Ids in order are launches in order, by the microsecond, whatever the random bits are.
    @Test func laterIsGreater() {
        let start: Int64 = 1_795_252_384_998_000
        let ids = (0..<4000).map { RunID(microseconds: start + $0, random: $0.isMultiple(of: 2) ? .max : 0) }
        for (earlier, later) in zip(ids, ids.dropFirst()) {
            #expect(earlier < later)
            #expect(earlier.description < later.description)
            #expect(earlier.bytes.lexicographicallyPrecedes(later.bytes))
        }
    }

    @Test func everyPrefixFindsTheId() throws {
        let other = try #require(RunID("01a1fd62-1ace-73f3-b7a9-654f5c091bd4"))
        for length in 1...36 {
            let prefix = Self.text.prefix(length)
            let range = try #require(RunID.range(prefix: prefix), "\(prefix)")
            #expect(range.contains(Self.id), "\(prefix)")
            #expect(range.contains(other) == (length < 10), "\(prefix)")
            let digits = prefix.filter { $0 != "-" }
            #expect(RunID.range(prefix: digits) == range)
            #expect(RunID.range(prefix: digits.uppercased()) == range)
            #expect(range.lowerBound.description.filter { $0 != "-" }.hasPrefix(digits))
            #expect(range.upperBound.description.filter { $0 != "-" }.hasPrefix(digits))
        }
    }

    @Test func boundsOfPrefixes() throws {
        #expect(RunID.range(prefix: "f") == RunID(high: 0xF << 60, low: 0)...RunID(high: .max, low: .max))
        #expect(RunID.range(prefix: "0") == RunID(high: 0, low: 0)...RunID(high: .max >> 4, low: .max))
        let half = "01a1fd620ace73f3"
        #expect(RunID.range(prefix: half) == RunID(high: Self.id.high, low: 0)...RunID(high: Self.id.high, low: .max))
        #expect(
            RunID.range(prefix: half + "b")
                == RunID(high: Self.id.high, low: 0xB << 60)...RunID(high: Self.id.high, low: 0xBFFF_FFFF_FFFF_FFFF))
        #expect(RunID.range(prefix: Self.text) == Self.id...Self.id)
    }

    @Test(arguments: ["", "-", "g", "01a1 ", "0x01", "01a1fd62-0ace-73f3-b7a9-654f5c091bd40", "é", "%", "_"])
    func whatIsNoPrefix(text: String) {
        #expect(RunID.range(prefix: text) == nil)
    }
}
