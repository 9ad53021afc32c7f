import FermataProtocol
import SwiftProtobuf
import Testing

@Suite struct EncodedFieldTests {
    @Test(arguments: [0, 1, 100, 127, 128, 20_000, 3_000_000]) func isReadAsIfItHadBeenEncodedWithTheRest(size: Int)
        throws
    {
        let run = FermataRunSummary.with { $0.lastMessage = String(repeating: "x", count: size) }
        let whole = FermataCommandReply.with {
            $0.run = run
            $0.changed = true
            $0.message = 7
            $0.resumeToken = "token"
        }
        var rest = whole
        rest.clearRun()
        var bytes: [UInt8] = try rest.serializedBytes()
        bytes.append(encoded: try run.serializedBytes(), asField: FermataCommandReply.runFieldNumber)
        #expect(try FermataCommandReply(serializedBytes: bytes) == whole)
    }

    @Test func takesNumbersOfSeveralBytes() throws {
        var bytes: [UInt8] = []
        bytes.append(encoded: [1, 2], asField: 2047)
        // 2047 << 3 | 2 = 16378 = 0x3FFA
        #expect(bytes == [0xFA, 0x7F, 2, 1, 2])
    }
}
