import FermataClient
import FermataProtocol
import Foundation
import SwiftProtobuf
import Testing

/// What is no checkpoint, or a broken one, is refused by name, and leaves nothing behind.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(5))) struct CheckpointRefusalTests {
        /// A finished run's checkpoint and a server that has no runs.
        private func body(_ body: (_ text: String, _ other: Service) async throws -> Void) async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                try await service.answer(run, 1, "This one.")
                try await service.wait(run, .finished)
                let text = try await service.export(run)
                try await service.besideAnother { other in
                    try await body(text, other)
                    #expect(try await other.client.send(FermataListRuns()).runs.isEmpty)
                    #expect(try await other.client.send(FermataListAsks()).asks.isEmpty)
                    #expect(try await other.client.send(FermataReadEvents()).events.isEmpty)
                    // It was none of the server's fault: the real one is still taken.
                    try await other.import(text)
                    try await other.check()
                    #expect(other.process.isRunning)
                    try await other.stop(run)
                }
            }
        }

        @Test func whatIsNoCheckpoint() async throws {
            try await body { text, other in
                let deep = String(repeating: "[", count: 100_000)
                for wrong in [
                    "x", "{", "{}", "[]", "null", "\"", "{\"format\":\"fermata-checkpoint\"}", deep, "{\"a\":" + deep,
                    text + "x", String(text.dropLast()), String(text.dropFirst()), text + text,
                    text.replacing("\"format\":", with: "\"format\":\"fermata-checkpoint\",\"format\":"),
                    text.replacing("\"children\":[]", with: "\"kids\":[]"),
                    text.replacing("\"children\":[]", with: "\"children\":[],\"more\":1"),
                    text.replacing("fermata-checkpoint", with: "fermata-chequepoint"),
                    text.replacing("\"version\":1", with: "\"version\":0"),
                    text.replacing("\"version\":1", with: "\"version\":\"1\""),
                    text.replacing("\"version\":1", with: "\"version\":01"),
                    text.replacing("\"text\":\"go\"", with: "\"text\":\"\\ud800\""),
                    text.replacing("\"text\":\"go\"", with: "\"text\":\"go\",\"text\":\"no\""),
                ] {
                    try await other.refused(.notACheckpoint) { try await other.import(wrong) }
                }
            }
        }

        @Test func aNewerFormatAndAWrongDigest() async throws {
            try await body { text, other in
                try await other.refused(.newerFormat) {
                    try await other.import(text.replacing("\"version\":1", with: "\"version\":2"))
                }
                for wrong in [
                    text.replacing("\"text\":\"go\"", with: "\"text\":\"gone\""),
                    text.replacing("sha256:", with: "sha257:"),
                    text.replacing("\"openAsks\":[]", with: "\"openAsks\":[{}]"),
                ] {
                    try await other.refused(.wrongDigest) { try await other.import(wrong) }
                }
            }
        }

        /// Documents with the right digest of the wrong journal.
        @Test func journalsThatNoRunHasWritten() async throws {
            try await body { text, other in
                let sound = try CheckpointJSON(text)
                var broken: [(String, CheckpointJSON)] = []
                func add(_ what: String, _ change: (inout CheckpointJSON) -> Void) {
                    var changed = sound
                    change(&changed)
                    broken.append((what, changed))
                }
                func change(_ kind: String, _ member: String, _ value: Any) {
                    add("\(kind).\(member)") { checkpoint in
                        let index = checkpoint.events.firstIndex { $0[kind] != nil }!
                        var body = checkpoint.events[index][kind] as! [String: Any]
                        body[member] = value
                        checkpoint.events[index][kind] = body
                    }
                }
                add("no events") { $0.events = [] }
                add("a gap") { $0.events.remove(at: 3) }
                add("no launch") { $0.events.removeFirst() }
                add("an event twice") { $0.events.insert($0.events[2], at: 2) }
                add("another order") { $0.events.swapAt(2, 3) }
                add("another run's") { $0.events[2]["run"] = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4" }
                add("another run") { $0.document["run"] = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4" }
                add("an earlier time") { $0.events[3]["at"] = "1" }
                add("no possible time") { $0.events[$0.events.count - 1]["at"] = String(Int64.max) }
                add("a time before time") { $0.events[0]["at"] = "-1" }
                add("an offset") { $0.events[2]["offset"] = "7" }
                add("a part") { $0.events[2]["truncated"] = true }
                add("an unknown member") { $0.events[2]["surprise"] = 1 }
                add("an unknown kind") {
                    $0.events[2] = $0.events[2].filter { ["at", "run", "seq"].contains($0.key) }
                    $0.events[2]["teleported"] = [String: Any]()
                }
                add("no kind") { $0.events[2] = $0.events[2].filter { ["at", "run", "seq"].contains($0.key) } }
                add("children") { $0.document["children"] = [sound.document] }
                add("no agent") { $0.document["agent"] = ["agent": ["name": "a/b"]] }
                change("messageQueued", "number", 7)
                change("messageQueued", "number", UInt32.max)
                change("messageQueued", "delivery", 77)
                change("modelCalled", "step", UInt32.max)
                change("modelCalled", "attempt", 3)
                change("modelCalled", "delivered", [9])
                change("modelAnswered", "attempt", 2)
                change("modelAnswered", "step", 2)
                change("callStarted", "number", 9)
                change("callStarted", "attempt", UInt32.max)
                change("callEnded", "number", 2)
                change("askOpened", "number", 2)
                change("askOpened", "deadlineAt", String(Int64.min))
                change("askAnswered", "number", 3)
                add("a token") {
                    $0.events.append([
                        "run": $0.document["run"]!, "seq": String($0.events.count + 1), "at": $0.events.last!["at"]!,
                        "held": ["cause": "REQUESTED", "tokenSha256": "AAAA"],
                    ])
                }
                for (what, checkpoint) in broken {
                    let text = try await checkpoint.sealed()
                    do {
                        try await other.import(text)
                        Issue.record("\(what): it was imported")
                    } catch {
                        guard case ClientError.refused(let refusal) = error else { throw error }
                        #expect(refusal.code == ErrorCode.brokenJournal.name, "\(what): \(refusal)")
                    }
                }
            }
        }

        @Test func partsThatAreMissingAgainOrTooMany() async throws {
            try await body { text, other in
                func part(_ number: UInt32, _ text: String, last: Bool = false, upload: String) -> FermataImport {
                    .with {
                        ($0.upload, $0.part, $0.text, $0.last) = (upload, number, text, last)
                    }
                }
                let (one, two) = (UUID().uuidString, UUID().uuidString)
                let (first, second) = (String(text.prefix(1000)), String(text.dropFirst(1000)))
                try await other.refused(.notACheckpoint) {
                    _ = try await other.client.send(part(2, second, last: true, upload: one))
                }
                _ = try await other.client.send(part(1, first, upload: one))
                // A part that comes again is there already; another one in its place begins anew or is refused.
                _ = try await other.client.send(part(1, first, upload: one))
                try await other.refused(.notACheckpoint) {
                    _ = try await other.client.send(part(3, second, last: true, upload: one))
                }
                _ = try await other.client.send(part(1, first, upload: one))
                try await other.refused(.notACheckpoint) {
                    _ = try await other.client.send(part(2, second, last: true, upload: two))
                }
                for wrong in [part(0, first, upload: one), part(1, "", upload: one), part(1, first, upload: "one")] {
                    try await other.refused(.invalidArgument) { _ = try await other.client.send(wrong) }
                }
                // Uploads whose clients have left; one server takes so many at once.
                other.kill()
                try await other.start()
                for _ in 0..<16 { _ = try await other.client.send(part(1, first, upload: UUID().uuidString)) }
                try await other.refused(.overloaded) {
                    _ = try await other.client.send(part(1, first, upload: UUID().uuidString))
                }
                other.kill()
                try await other.start()
                let many = UUID().uuidString
                for number in 1...4096 { _ = try await other.client.send(part(UInt32(number), "x", upload: many)) }
                try await other.refused(.invalidArgument) {
                    _ = try await other.client.send(part(4097, "x", upload: many))
                }
                let left = try FileManager.default.contentsOfDirectory(atPath: other.directory)
                #expect(left.allSatisfy { !$0.hasPrefix(".upload") }, "\(left)")
            }
        }

        /// Every byte of a small checkpoint is another one in turn, three ways: none is imported, none leaves a trace.
        @Test func everyByteFlippedInTurn() async throws {
            try await body { text, other in
                let small = try await smallest(text)
                let bytes = Array(small.utf8)
                let wire = try Wire(other)
                var codes: Set<String> = []
                for index in bytes.indices {
                    for change: UInt8 in [1, 0x20, 0x80] {
                        var flipped = bytes
                        flipped[index] ^= change
                        let reply = try await wire.send([frame(flipped)])
                        let error = try #require(try reply.first?.error)
                        #expect(!error.code.isEmpty, "byte \(index) ^ \(change): it was imported")
                        codes.insert(error.code)
                    }
                }
                #expect(
                    codes.isSubset(of: [
                        "BAD_MESSAGE", "NOT_A_CHECKPOINT", "NEWER_FORMAT", "WRONG_DIGEST",
                    ]), "\(codes)")
                try await other.besideAnother { third in
                    let reply = try await third.import(small)
                    #expect(reply.run.lastSeq > 2)
                }
            }
        }

        /// A run that does nothing, with few words.
        private func smallest(_ text: String) async throws -> String {
            var checkpoint = try CheckpointJSON(text)
            checkpoint.events = Array(checkpoint.events.prefix(2))
            var launched = checkpoint.events[0]["launched"] as! [String: Any]
            launched["tools"] = nil
            launched["systemPrompt"] = "x"
            checkpoint.events[0]["launched"] = launched
            return try await checkpoint.sealed()
        }

        /// An Import with bytes that are perhaps no text.
        private func frame(_ text: [UInt8]) throws -> Frame {
            let import_ = FermataImport.with {
                $0.requestID = UUID().uuidString
                $0.upload = UUID().uuidString
                $0.part = 1
                $0.last = true
            }
            var body: [UInt8] = try import_.serializedBytes()
            // Field 6, of bytes; its length as a varint.
            body.append(6 << 3 | 2)
            var length = text.count
            while length > 127 {
                body.append(UInt8(truncatingIfNeeded: length) | 0x80)
                length >>= 7
            }
            body.append(UInt8(length))
            return Frame(type: UInt16(FermataFrameType.import.rawValue), body: body + text)
        }
    }
}
