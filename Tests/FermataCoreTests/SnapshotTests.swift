import FermataProtocol
import SwiftProtobuf
import Testing

@testable import FermataCore

/// A run as bytes and back. The simulation makes the same comparison after every input.
@Suite struct SnapshotTests {
    static let id = RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)

    /// A run whose every property, and every property of what is in them, has a value that no other call of this
    /// gives it with another number.
    static func sample(_ number: UInt32) -> Run {
        let isOdd = number % 2 == 1
        var run = Run(id: RunID(high: id.high, low: id.low + UInt64(number)))
        run.seq = UInt64(number)
        run.updatedAt = Int64(number)
        run.createdAt = -Int64(number)
        run.agent = "agent \(number)"
        run.model = "model \(number)"
        run.systemPrompt = "prompt \(number)"
        run.workspace = "/\(number)"
        run.tools = [.with { $0.name = "tool \(number)" }, .with { $0.parallel = isOdd }]
        run.labels = [.with { $0.key = "\(number)" }]
        run.modelOptions.seed = Int64(number)
        run.modelAttempts = number
        run.limits.maxSteps = number
        run.hold = .with { $0.seq = UInt64(number) }
        run.holdTokenDigest = [UInt8(number), 0, 255]
        run.isStopped = isOdd
        run.turn = isOdd ? .failed(.with { $0.kind = "\(number)" }) : .active
        run.modelCall = .waiting(until: Int64(number))
        run.step = number
        run.attempt = number
        run.stepIsUnanswered = isOdd
        run.failedAttempts = number
        run.calls = [
            Run.Call(
                number: number, tool: "t\(number)", modelID: "i\(number)", arguments: "{\(number)}",
                state: isOdd ? .asking : .started, outcome: isOdd ? .callFailed : .callFinished, attempt: number,
                ask: number, worker: "w\(number)", gate: isOdd ? .ask : .deny, isApproved: isOdd, isGated: isOdd,
                isEdited: !isOdd,
                isParallel: isOdd, isByWorker: !isOdd)
        ]
        run.killing = [.tool(call: number, attempt: number), .model(step: number, attempt: number)]
        run.openAsks = [Run.OpenAsk(.with { $0.number = number }, lead: -Int64(number))]
        run.holdLead = Int64(number)
        run.attemptLead = -Int64(number)
        run.unansweredAsks = [number, 0]
        run.expiredAsks = [number]
        run.queue = [Run.QueuedMessage(number: number, delivery: isOdd ? .now : .whenIdle)]
        run.withdrawn = [number]
        run.messageCount = number
        run.callCount = number
        run.askCount = number
        run.usage.costNanoUsd = Int64(number)
        run.stepsOfTurn = number
        run.grantedCost = Int64(number)
        run.untoldCosts = number
        run.lastMessage = "last \(number)"
        run.task = "task \(number)"
        run.baseURL = "http://\(number)"
        run.ownsWorkspace = isOdd
        run.policy.tools = [.with { $0.tool = "\(number)" }]
        run.holdAt = isOdd ? .selection : .none
        run.isHandedOff = isOdd
        run.source = "source \(number)"
        run.inherited.costNanoUsd = Int64(number)
        run.fingerprint = UInt64(number)
        run.lastFingerprint = UInt64(number)
        run.repeats = number
        run.failedBeforeFirstStep = isOdd
        run.ending = isOdd ? .truncated : .complete
        run.goesOn = isOdd
        run.goOns = number
        run.truncatedInARow = number
        return run
    }

    /// Every stored property, down to what is no structure of the core, with its value as text.
    static func properties(of value: Any, _ path: String = "") -> [(path: String, value: String)] {
        let mirror = Mirror(reflecting: value)
        let isOurs = "\(String(reflecting: type(of: value)))".hasPrefix("FermataCore.")
        if mirror.displayStyle == .struct, isOurs {
            return mirror.children.flatMap { properties(of: $0.value, "\(path).\($0.label!)") }
        }
        if mirror.displayStyle == .collection,
            mirror.children.contains(where: { $0.value is Run.Call })
                || mirror.children.contains(where: { $0.value is Run.OpenAsk })
                || mirror.children.contains(where: { $0.value is Run.QueuedMessage })
        {
            return mirror.children.enumerated().flatMap { properties(of: $1.value, "\(path)[\($0)]") }
        }
        return [(path, "\(value)")]
    }

    /// Nothing can be forgotten: a property that the sample does not set is named by the first expectation, one that
    /// the sample sets and the snapshot leaves out fails the second.
    @Test func everyPropertyIsInIt() {
        let (one, two) = (Self.sample(1), Self.sample(2))
        let (ofOne, ofTwo) = (Self.properties(of: one), Self.properties(of: two))
        #expect(ofOne.map(\.path) == ofTwo.map(\.path))
        for (left, right) in zip(ofOne, ofTwo) {
            #expect(left.value != right.value, "sample() does not set \(left.path)")
        }
        #expect(ofOne.count > 40)
        for run in [one, two] { #expect(Run(id: run.id, snapshot: run.snapshot) == run) }
    }

    @Test func everyCaseIsInIt() {
        var run = Run(id: Self.id)
        #expect(Run(id: run.id, snapshot: run.snapshot) == run)
        let failed = FermataFailure.with { $0.retryable = true }
        for turn in [Run.Turn.idle, .active, .ended, .failed(FermataFailure()), .failed(failed)] {
            for call in [Run.ModelCallState.none, .inFlight, .waiting(until: 0), .waiting(until: .max)] {
                run.turn = turn
                run.modelCall = call
                #expect(Run(id: run.id, snapshot: run.snapshot) == run)
            }
        }
    }

    /// What a newer model server or client sent, and this version does not know, stays.
    @Test func unknownFieldsAreKept() throws {
        var run = Self.sample(1)
        run.modelOptions = try FermataModelOptions(serializedBytes: [0xFA, 0x01, 1, 7])
        #expect(!run.modelOptions.unknownFields.data.isEmpty)
        #expect(Run(id: run.id, snapshot: run.snapshot) == run)
    }

    @Test func anyOtherBytesAreNone() {
        let run = Self.sample(1)
        let bytes = run.snapshot
        #expect(Run(id: Self.sample(2).id, snapshot: bytes) == nil)
        #expect(Run(id: run.id, snapshot: []) == nil)
        #expect(Run(id: run.id, snapshot: bytes + [0]) == nil)
        for index in bytes.indices {
            #expect(Run(id: run.id, snapshot: Array(bytes[..<index])) == nil)
            for bit in 0..<8 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                #expect(Run(id: run.id, snapshot: flipped) == nil)
            }
        }
    }

    /// The layout and the fold behind it are one format. When this fails on purpose: raise `Run.snapshotFormat`, so
    /// that the snapshots in stores of older versions are not taken for runs of this one, and enter the new figure.
    @Test func theFormatHasANumberOfItsOwn() throws {
        var text = Self.properties(of: Self.sample(1)).map { "\($0.path) \($0.value)" }.joined(separator: "\n")
        var scenario = try Scenario(task: "go", attempts: 3, limits: .with { $0.maxSteps = 9 })
        try scenario.modelAnswers("a", calls: [.terminal("x"), .search("y"), .look("z"), .ask("q"), .read("p")])
        try scenario.toolEnds(1)
        try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5, tokenDigest: [7])))
        try scenario.send("s", .whenIdle)
        text += try SnapshotRun(scenario.run).jsonString()
        let sum = text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        #expect("format \(Run.snapshotFormat): \(String(sum, radix: 16))" == "format 7: 65c23ca89df44c33")
    }
}
