import Foundation
import SwiftProtobuf
import Testing

@testable import FermataProtocol

struct FieldLimitsTests {
    /// A field that is added without a limit is noticed here: each that can be long has one, and each that has one is
    /// in the schema.
    @Test func everyFieldThatCanBeLongHasALimit() throws {
        let schema = try SchemaDescription()
        var seen: Set<String> = []
        func check(_ limits: MessageLimits, _ path: String) throws {
            seen.insert(limits.name)
            let described = try #require(schema.messages["\(Schema.package).\(limits.name)"], "\(path)")
            var left = Dictionary(uniqueKeysWithValues: limits.fields.map { ($0.number, $0) })
            for field in described.field {
                let isLong = field.label == .repeated || [.string, .bytes, .message, .group].contains(field.type)
                guard isLong else { continue }
                let place = "\(path).\(field.name)"
                let removed = left.removeValue(forKey: Int(field.number))
                let entry = try #require(removed, "\(place) has no limit")
                #expect(entry.name == field.name, "\(place)")
                switch entry.limit {
                case .text(let most):
                    #expect([.string, .bytes].contains(field.type) && field.label != .repeated && most > 0, "\(place)")
                case .texts(let most, let each):
                    #expect([.string, .bytes].contains(field.type) && field.label == .repeated, "\(place)")
                    #expect(most > 0 && each > 0, "\(place)")
                case .numbers(let most):
                    #expect(![.string, .bytes, .message].contains(field.type) && field.label == .repeated, "\(place)")
                    #expect(most > 0, "\(place)")
                case .message(let inner), .messages(_, let inner):
                    #expect(field.type == .message && field.typeName == ".\(Schema.package).\(inner.name)", "\(place)")
                    if case .messages = entry.limit { #expect(field.label == .repeated, "\(place)") }
                    if case .message = entry.limit { #expect(field.label != .repeated, "\(place)") }
                    try check(inner, place)
                }
            }
            #expect(left.isEmpty, "\(path): limits of no such field: \(left.values.map(\.name))")
        }
        for (type, request) in Schema.requests {
            let limits = try #require(MessageLimits.requests[FermataFrameType(rawValue: Int(type))!], "\(request)")
            #expect("\(Schema.package).\(limits.name)" == request.protoMessageName)
            try check(limits, limits.name)
        }
        #expect(MessageLimits.requests.count == Schema.requests.count)
        #expect(seen.isSuperset(of: ["Policy", "Condition", "ToolSpec", "AnswerFormat", "Sticky"]))
    }

    private func problem(_ message: some ControlRequest) throws -> String? {
        let bytes: [UInt8] = try message.serializedBytes()
        return FieldLimits.problem(in: bytes, of: type(of: message).frameType)?.description
    }

    @Test func theFieldIsNamed() throws {
        let long = String(repeating: "x", count: 4 << 20)
        #expect(try problem(FermataGetRun.with { $0.run = long }) == "run is longer than 64 bytes")
        #expect(try problem(FermataGetRun.with { $0.run = String(repeating: "x", count: 64) }) == nil)
        #expect(
            try problem(
                FermataPutAgent.with {
                    $0.agent.policy.tools = [
                        .init(), .with { $0.rules = [.with { $0.when = [.with { $0.pointer = long }] }] },
                    ]
                }) == "agent.policy.tools.rules.when.pointer is longer than 4096 bytes")
        #expect(
            try problem(FermataTakeCalls.with { $0.tools = Array(repeating: "", count: 100_000) })
                == "tools has more than 1024 elements")
        #expect(
            try problem(FermataListRuns.with { $0.status = Array(repeating: .paused, count: 100_000) })
                == "status has more than 64 elements")
        #expect(try problem(FermataListRuns.with { $0.status = [.paused, .failed, .stopped] }) == nil)
        #expect(
            try problem(FermataLaunch.with { $0.labels = Array(repeating: .init(), count: 2000) })
                == "labels has more than 1024 elements")
        // One that is no list, again and again; one that nobody knows; and numbers that come one by one.
        func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array(repeatElement(bytes, count: count).joined()) }
        for (bytes, type, shown) in [
            (repeated([0x0A, 0], 100_000), FermataFrameType.getRun, "fields are too many"),
            (repeated([0xA2, 0x06, 0], 100_000), .getRun, "fields are too many"),
            (repeated([0x10, 4], 100_000), .getRun, "until has more than 64 elements"),
            (repeated([0x18, 4], 100_000), .getRun, "fields are too many"),
            (repeated([0x08, 1], 100_000), .stats, "fields are too many"),
        ] {
            #expect(FieldLimits.problem(in: bytes, of: type)?.description == shown)
        }
        // A group, which no request has, hides nothing that comes after it or is in it.
        let run: [UInt8] = try FermataGetRun.with { $0.run = long }.serializedBytes()
        for group in [[0xC3, 0x3E, 0xC4, 0x3E], [0xC3, 0x3E], [0x0B, 0x0C]] as [[UInt8]] {
            #expect(FieldLimits.problem(in: group + run, of: .getRun)?.description == "run is longer than 64 bytes")
        }
        #expect(
            FieldLimits.problem(in: repeated([0xC3, 0x3E, 0xC4, 0x3E], 100_000), of: .getRun)?.description
                == "fields are too many")
        // What is no encoding is the decoder's.
        for bytes in [[0xFF], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1], [0x0B], [0x0A, 5, 1], [0x09, 1]] as [[UInt8]] {
            #expect(FieldLimits.problem(in: bytes, of: .getRun) == nil)
        }
    }

    /// Whatever a message is made of, one walk over it ends soon.
    @Test func oneWalkIsQuick() throws {
        let tools = (0..<1000).map { _ in FermataToolPolicy.with { $0.rules = Array(repeating: .init(), count: 1000) } }
        let bodies: [(FermataFrameType, [UInt8])] = [
            (.getRun, try FermataGetRun.with { $0.run = String(repeating: "x", count: 4 << 20) }.serializedBytes()),
            (.setPolicy, try FermataSetPolicy.with { $0.policy.tools = tools }.serializedBytes()),
            (
                .pause,
                try FermataPause.with {
                    $0.run = "0123"; $0.requestID = "x"; $0.by = "ada"
                }.serializedBytes()
            ),
        ]
        for (type, body) in bodies {
            let start = ContinuousClock.now
            let problem = FieldLimits.problem(in: body, of: type)
            let taken = ContinuousClock.now - start
            print("\(type), \(body.count) bytes: \(taken), \(problem.map { "\($0)" } ?? "fine")")
            // A quarter of a million fields take a second without optimisation, and some milliseconds with it.
            #expect(taken < (type == .setPolicy ? .seconds(5) : .milliseconds(50)), "\(type) \(taken)")
            #expect((problem == nil) == (type == .pause), "\(type) \(String(describing: problem))")
        }
    }
}
