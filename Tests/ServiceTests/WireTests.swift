import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// The control socket against whatever bytes may come.
    @Suite(.timeLimit(.minutes(2))) struct WireTests {
        private func commanded<C: Command>(_ change: (inout C) -> Void) -> C {
            var command = C()
            command.requestID = UUID().uuidString.lowercased()
            change(&command)
            return command
        }

        private func code(_ wire: Wire, _ bytes: [UInt8]) async throws -> String? {
            let replies = try await wire.send(bytes)
            #expect(replies?.count == 1)
            return try replies?.first?.error.code
        }

        @Test func badFramesAndMessagesAreRefusedByName() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let wire = try Wire(service)
                let hello = try Frame(FermataHello.with { $0.client = "test" })
                func expect(_ code: ErrorCode, _ bytes: [UInt8], _ line: SourceLocation = #_sourceLocation) async throws
                {
                    #expect(try await self.code(wire, bytes) == code.name, sourceLocation: line)
                }
                func frame(_ type: UInt16, _ body: [UInt8]) -> [UInt8] { Frame(type: type, body: body).encoded }
                func changed(_ change: (inout Frame) -> Void) -> [UInt8] {
                    var frame = hello
                    change(&frame)
                    return frame.encoded
                }

                try await expect(.badFrame, [])
                try await expect(.badFrame, [1, 2, 3])
                try await expect(.badFrame, hello.encoded.dropLast())
                try await expect(.badFrame, hello.encoded + [0])
                try await expect(.badFrame, [255, 255, 255, 255] + hello.encoded.dropFirst(4))
                try await expect(.badFrame, Array(repeating: hello, count: 257).flatMap(\.encoded))
                try await expect(.unknownVersion, changed { $0.version = 2 })
                try await expect(.unknownVersion, changed { $0.version = 0 })
                try await expect(.unsupported, changed { $0.flags = 1 })
                try await expect(.unknownType, changed { $0.type = 0 })
                try await expect(.unknownType, changed { $0.type = 99 })
                try await expect(.unknownType, changed { $0.type = UInt16(FermataFrameType.event.rawValue) })
                try await expect(.unknownType, changed { $0.type = UInt16(FermataFrameType.error.rawValue) })
                try await expect(.badMessage, changed { $0.body = [0x0A, 0xFF] })
                // Field 99, and a text that is not UTF-8.
                try await expect(.unsupported, frame(1, [0x98, 0x06, 0x01]))
                try await expect(.badMessage, frame(1, [0x0A, 0x01, 0xFF]))

                let send: FermataSend = commanded {
                    $0.run = run
                    $0.text = "x"
                    $0.delivery = .UNRECOGNIZED(77)
                }
                try await expect(.unsupported, Frame(send).encoded)
                let without = FermataPause.with { $0.run = run }
                try await expect(.invalidArgument, Frame(without).encoded)
                try await expect(
                    .invalidArgument,
                    Frame(
                        FermataPause.with {
                            $0.run = run
                            $0.requestID = "seven"
                        }
                    ).encoded)
                #expect(try await service.summary(run).lastSeq == 1, "nothing was changed")
                let most = try await wire.send(Array(repeating: hello, count: 256))
                #expect(most.count == 256 && most.allSatisfy { $0.type == 1 | Frame.replyBit })
            }
        }

        /// Frames are decided in order, each by itself: a bad one fails alone, and a read sees the writes before it.
        @Test func framesOfOneMessageAreDecidedInOrder() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let pause: FermataPause = commanded { $0.run = run }
                let resume: FermataResume = commanded { $0.run = run }
                let get = try Frame(FermataGetRun.with { $0.run = run })
                let replies = try await Wire(service).send([
                    Frame(pause), get, Frame(type: 3, body: [0xFF]), Frame(type: 77, body: []), Frame(resume), get,
                    Frame(pause),
                ])
                #expect(replies.map(\.type) == [0x8005, 0x800A, 0x8000, 0x8000, 0x8007, 0x800A, 0x8005])
                func status(_ index: Int) throws -> FermataStatus {
                    try FermataGetRunReply(serializedBytes: replies[index].body).run.status
                }
                #expect(try status(1) == .paused)
                #expect(try replies[2].error.code == ErrorCode.badMessage.name)
                #expect(try replies[3].error.code == ErrorCode.unknownType.name)
                #expect(try status(5) == .idle)
                #expect(replies[6].body == replies[0].body, "a repeat gets the same reply")
                #expect(try await service.summary(run).lastSeq == 3)
            }
        }

        @Test func aMessageThatIsTooLargeClosesTheConnectionAndTheNextIsServed() async throws {
            try await Service.run(script: "[]") { service, _ in
                let wire = try Wire(service)
                let large = Frame(type: 1, body: Array(repeating: 0, count: Frame.maximumMessageLength))
                #expect(try await wire.send(large.encoded) == nil)
                #expect(try await wire.send([Frame(FermataHello())]).map(\.type) == [0x8001])
                // The largest that fits.
                let text = String(repeating: "x", count: 1 << 20)
                let run = try await service.launch("")
                #expect(try await service.send(run, text).changed)
                try await service.refused(.invalidArgument) { try await service.send(run, text + "x") }
            }
        }

        /// Memory and descriptors are looked at when the first thousand have warmed everything up, and at the end.
        @Test func tenThousandRandomMessagesEachGetAReplyOrNoConnection() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let seed = UInt64.random(in: 0...UInt64.max)
                var random = Seeded(state: seed)
                let wire = try Wire(service)
                let templates = try [
                    Frame(FermataHello.with { $0.client = "test" }), Frame(FermataGetRun.with { $0.run = run }),
                    Frame(FermataListRuns.with { $0.limit = 3 }), Frame(FermataListAsks.with { $0.run = run }),
                    Frame(FermataReadEvents.with { $0.limit = 3 }), Frame(FermataStats()),
                    Frame(FermataGetAgent.with { $0.name = "a" }), Frame(FermataListAgents.with { $0.limit = 3 }),
                    Frame(
                        FermataPutAgent.with {
                            $0.requestID = UUID().uuidString.lowercased()
                            $0.agent.name = "a"
                            $0.agent.modelOptions.temperature = 1
                        }),
                    Frame(
                        FermataResume.with {
                            $0.requestID = UUID().uuidString.lowercased()
                            $0.token = "frt_" + String(repeating: "A", count: 54)
                        }),
                    Frame(commanded { (pause: inout FermataPause) in pause.run = run }),
                    Frame(
                        commanded { (answer: inout FermataAnswer) in
                            answer.run = run
                            answer.ask = 1
                            answer.text = "yes"
                        }),
                ].map(\.encoded)
                let codes = Set(ErrorCode.registry.map(\.name)).subtracting([ErrorCode.internalError.name])
                var warm = FermataStatsReply()
                for number in 1...10_000 {
                    if number == 1000 { warm = try await service.client.send(FermataStats()) }
                    let bytes = random.message(from: templates)
                    let replies = try await wire.send(bytes)
                    for reply in replies ?? [] where reply.type == UInt16(FermataFrameType.error.rawValue) {
                        let code = try reply.error.code
                        #expect(codes.contains(code), "\(code) for message \(number) of seed \(seed): \(bytes)")
                    }
                    let good = try await wire.send([Frame(FermataGetRun.with { $0.run = run })])
                    try #require(good.map(\.type) == [0x800A], "after message \(number) of seed \(seed): \(bytes)")
                }
                let end = try await service.client.send(FermataStats())
                // SQLite's caches fill, and a connection that was cut may be about to be closed.
                #expect(
                    end.residentBytes < warm.residentBytes + 8 << 20, "\(warm.residentBytes) → \(end.residentBytes)")
                #expect(end.descriptors <= warm.descriptors + 4, "\(warm.descriptors) → \(end.descriptors)")
            }
        }
    }
}

/// SplitMix64: the same messages for the same seed.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private mutating func bytes(_ most: Int) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// Random bytes, a frame with a random body, or a good message that was damaged.
    mutating func message(from templates: [[UInt8]]) -> [UInt8] {
        var message = templates.randomElement(using: &self)!
        switch Int.random(in: 0..<6, using: &self) {
        case 0: return bytes(200)
        case 1: return Frame(type: UInt16.random(in: 0...20, using: &self), body: bytes(40)).encoded
        case 2: return Array(message.prefix(Int.random(in: 0..<message.count, using: &self)))
        case 3: message[Int.random(in: 0..<8, using: &self)] = UInt8.random(in: 0...255, using: &self)
        case 4:
            for _ in 0..<Int.random(in: 1...4, using: &self) {
                let index = Int.random(in: 0..<message.count, using: &self)
                message[index] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            }
        default: message += templates.randomElement(using: &self)! + bytes(9)
        }
        return message
    }
}
