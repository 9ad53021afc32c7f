import Foundation
import FermataProtocol
import Testing

@testable import FermataServer

/// The file that tokens are made with: it is never another one without a word.
@Suite struct TokenKeyTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    private var path: String { directory.appending(path: "token.key").path }
    private let run = RunID("01a22e95-98c5-7e0c-bf82-ccc0e42c9045")!

    private func withDirectory(_ body: () throws -> Void) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body()
    }

    private func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

    /// A key of 0.1.0 is the key alone, and what it was made with stays valid for ever.
    @Test func aKeyFromBeforeThereWasASumStaysTheSame() throws {
        try withDirectory {
            let key = [UInt8](0..<32)
            try write(key)
            let seal = try TokenSeal(file: path)
            let token = "fat_AaIulZjFfgy_gszA5CyQRQAAAAdm-g0RLq9L9MKpLJ_3PymA"
            #expect(!seal.isNew && AskTokens(seal: seal).token(run: run, ask: 7) == token)
            let content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(content == key + [0x63, 0x0d, 0xcd, 0x29, 0x66, 0xc4, 0x33, 0x66])
            let again = try AskTokens(seal: TokenSeal(file: path)).ask(token)
            #expect(again.run == run && again.number == 7)
        }
    }

    @Test func aFlippedBitIsRefused() throws {
        try withDirectory {
            #expect(try TokenSeal(file: path).isNew)
            #expect(try !TokenSeal(file: path).isNew)
            let content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            #expect(content.count == 40)
            for bit in 0..<content.count * 8 {
                var flipped = content
                flipped[bit / 8] ^= 1 << (bit % 8)
                try write(flipped)
                let failure = #expect(throws: StartFailure.self) { try TokenSeal(file: path) }
                #expect(failure?.description.contains("is damaged") == true, "bit \(bit)")
            }
            for count in [0, 1, 31, 33, 39, 41] {
                try write([UInt8](repeating: 7, count: count))
                let failure = #expect(throws: StartFailure.self) { try TokenSeal(file: path) }
                #expect(failure?.description.contains("is no key of tokens: it has \(count) bytes") == true)
            }
        }
    }
}
