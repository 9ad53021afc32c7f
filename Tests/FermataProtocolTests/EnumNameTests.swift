import FermataProtocol
import SwiftProtobuf
import Testing

struct EnumNameTests {
    /// The names that logs and `--json` show are those of the schema; zero values go without their enum's name.
    @Test func namesAreTheSchemas() throws {
        let blocks = try Schema.blocks("enum")
        #expect(Set(blocks.map(\.name)) == Set(Schema.enums.keys))
        for block in blocks {
            let name = try #require(Schema.enums[block.name])
            var values = 0
            for match in block.lines.compactMap({ $0.firstMatch(of: /^ +([A-Z_]+) = (\d+);/) }) {
                let number = try #require(Int(match.2))
                let expected = number == 0 ? "UNSPECIFIED" : String(match.1)
                #expect(name(number) == expected, "\(block.name) \(number)")
                values += 1
            }
            #expect(values > 1, "\(block.name)")
        }
    }

    @Test func namesAreThoseOfJSON() throws {
        for status in FermataStatus.allCases where status != .unspecified {
            let json = try FermataRunSummary.with { $0.status = status }.jsonString()
            #expect(json == #"{"status":"\#(status.protocolName)"}"#)
        }
        for outcome in FermataCallOutcome.allCases where outcome != .unspecified {
            let json = try FermataCall.with { $0.outcome = outcome }.jsonString()
            #expect(json == #"{"outcome":"\#(outcome.protocolName)"}"#)
        }
    }
}
