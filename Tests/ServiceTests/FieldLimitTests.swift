import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Fields as long as a message may be: each is refused before anything is made of it, and holds up nobody.
    @Suite(.timeLimit(.minutes(2))) struct FieldLimitTests {
        /// A field of a request: its number, and what its element is where it is a list.
        private struct Target {
            let type: UInt16
            let number: Int
            let name: String
        }

        /// Every field of every request of which 4 MiB can be made: strings, and messages that unknown bytes fill.
        private func targets() throws -> [Target] {
            var targets: [Target] = []
            var message = ""
            let types = Dictionary(
                uniqueKeysWithValues: FermataFrameType.allCases.map {
                    ($0.protocolName.replacing("_", with: "").lowercased(), UInt16($0.rawValue))
                })
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("protocol/fermata.proto")
            for line in try String(contentsOf: source, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                if line.hasPrefix("message "), words.count == 3 { message = String(words[1]) }
                guard let type = types[message.lowercased()], type > 0, type < 256,
                    let index = words.firstIndex(of: "string"), words.count > index + 3, words[index + 2] == "=",
                    let number = Int(words[index + 3].prefix { $0.isNumber })
                else { continue }
                targets.append(Target(type: type, number: number, name: String(words[index + 1])))
            }
            return targets
        }

        @Test func fourMebibytesInEachField() async throws {
            try await Service.run(environment: ["LLM_MODEL": "openai/mock", "LLM_API_KEY": "test-key-1"]) { service in
                let run = try await service.launch { $0.task = "" }
                let targets = try targets()
                #expect(targets.count > 120)
                let text = [UInt8](repeating: UInt8(ascii: "a"), count: (4 << 20) - 64)
                var slowest = Duration.zero
                let other = Client(controlURL: service.client.controlURL)
                for target in targets {
                    var body: [UInt8] = []
                    func append(varint value: Int) {
                        var rest = value
                        while rest > 0x7F {
                            body.append(UInt8(rest & 0x7F) | 0x80)
                            rest >>= 7
                        }
                        body.append(UInt8(rest))
                    }
                    append(varint: target.number << 3 | 2)
                    append(varint: text.count)
                    body += text
                    let peer = try #require(RawControl(service))
                    peer.send([Frame(type: target.type, body: body)], as: 1)
                    // While that is being looked at.
                    let start = ContinuousClock.now
                    let reply = try await other.send(FermataInterrupt.with { $0.run = run })
                    slowest = max(slowest, .now - start)
                    #expect([.paused, .pausing].contains(reply.run.status))
                    let frame = try #require(await peer.reply()?.frames.first, "\(target)")
                    let error = try frame.error
                    // A part of a checkpoint may be so long, and is none.
                    let isPart = target.type == 24 && target.name == "text"
                    #expect(frame.type == UInt16(FermataFrameType.error.rawValue), "\(target)")
                    #expect(error.code == "INVALID_ARGUMENT", "\(target) \(error)")
                    if !isPart {
                        #expect(error.message.hasPrefix("\(target.name) is longer than "), "\(target) \(error)")
                    }
                    #expect(error.message.utf8.count < 2100)
                    if reply.changed { try await service.resume(run) }
                }
                print("\(targets.count) fields of 4 MiB; the slowest Interrupt beside them: \(slowest)")
                #expect(slowest < .milliseconds(500), "\(slowest)")
            }
        }
    }
}
