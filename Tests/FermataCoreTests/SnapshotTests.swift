import FermataProtocol
import FoundationEssentials
import SwiftProtobuf
import Testing

@testable import FermataCore

/// A run as bytes and back. The simulation makes the same comparison after every input.
@Suite struct SnapshotTests {
    static let id = RunID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)

    /// The snapshot of a run whose every property, and every property of what is in them, has a value that no other call of
    /// this gives it with another number.
    static func message(_ number: UInt32) -> SnapshotRun {
        let isOdd = number % 2 == 1
        return .with {
            $0.id = RunID(high: id.high, low: id.low + UInt64(number)).description
            $0.seq = UInt64(number)
            $0.updatedAt = Int64(number)
            $0.spec.agent = "agent \(number)"
            $0.spec.model = "model \(number)"
            $0.spec.baseURL = "http://\(number)"
            $0.spec.systemPrompt = "prompt \(number)"
            $0.spec.workspace = "/\(number)"
            $0.spec.ownsWorkspace = isOdd
            $0.spec.tools = [
                .with { $0.name = "tool \(number)" }, .with { $0.parallel = isOdd },
                .with {
                    $0.name = "t\(number)"
                    $0.origin = isOdd ? .builtIn : .worker
                },
            ]
            $0.spec.labels = [.with { $0.key = "\(number)" }]
            $0.spec.modelOptions.seed = Int64(number)
            $0.spec.modelAttempts = number
            $0.spec.policy.tools = [.with { $0.tool = "\(number)" }]
            $0.spec.holdAt = isOdd ? .selection : .none
            $0.spec.ownModel = "own \(number)"
            $0.spec.ownBaseURL = "http://own/\(number)"
            $0.spec.fallbackModels = ["fallback \(number)"]
            $0.spec.fallback = number
            $0.spec.patienceMs = number
            $0.messages.queue = [
                .with {
                    $0.number = number
                    $0.delivery = isOdd ? .now : .whenIdle
                }
            ]
            $0.messages.withdrawn = [number]
            $0.messages.last = number
            $0.messages.task = "task \(number)"
            $0.turn.phase = isOdd ? .failed : .failedBeforeFirstStep
            $0.turn.failure.kind = "\(number)"
            $0.turn.modelCall = .waiting
            $0.turn.nextAttemptAt = Int64(number)
            $0.turn.attemptLead = -Int64(number)
            $0.turn.step = number
            $0.turn.attempt = number
            $0.turn.failedAttempts = number
            $0.turn.ending = isOdd ? .truncated : .complete
            $0.turn.lastMessage = "last \(number)"
            $0.turn.goesOn = isOdd
            $0.turn.goOns = number
            $0.turn.truncatedInARow = number
            $0.turn.reasoningFrom = UInt64(number)
            $0.turn.blindModels = ["blind \(number)"]
            $0.calls.calls = [
                .with {
                    $0.number = number
                    $0.tool = "t\(number)"
                    $0.modelID = "i\(number)"
                    $0.arguments = "{\(number)}"
                    $0.state = isOdd ? .asking : .started
                    $0.outcome = isOdd ? .callFailed : .callFinished
                    $0.attempt = number
                    $0.ask = number
                    $0.worker = "w\(number)"
                    $0.gate = isOdd ? .ask : .deny
                    $0.isApproved = isOdd
                    $0.isGated = isOdd
                    $0.isEdited = !isOdd
                    $0.isParallel = isOdd
                    $0.isByWorker = !isOdd
                }
            ]
            $0.calls.killing = [
                .with {
                    $0.call = number
                    $0.attempt = number
                }, .with { $0.attempt = 7 },
            ]
            $0.calls.last = number
            $0.asks.open = [
                .with {
                    $0.opened.number = number
                    $0.opened.deadlineAt = 100
                    $0.lead = -Int64(number)
                }
            ]
            $0.asks.unanswered = [0, number]
            $0.asks.expired = [number]
            $0.asks.last = number
            $0.holds = [
                .with {
                    $0.shown.seq = UInt64(number)
                    $0.lead = Int64(number)
                    $0.tokenDigest = .init([UInt8(number), 0, 255])
                },
                .with {
                    $0.shown.owner = "\(number)"
                    $0.lead = -Int64(number)
                    $0.tokenDigest = .init([UInt8(number)])
                },
            ]
            $0.budget.limits.maxSteps = number
            $0.budget.usage.costNanoUsd = Int64(number)
            $0.budget.stepsOfTurn = number
            $0.budget.grantedCost = Int64(number)
            $0.budget.untoldCosts = number
            $0.budget.fingerprint = UInt64(number)
            $0.budget.lastFingerprint = UInt64(number)
            $0.budget.repeats = number
            $0.lineage.createdAt = -Int64(number)
            $0.lineage.source = "source \(number)"
            $0.lineage.parent = RunID(high: id.low, low: id.high + UInt64(number)).description
            $0.lineage.depth = number
            $0.lineage.children = [RunID(high: id.high, low: id.low + UInt64(number)).description]
            $0.lineage.inherited.costNanoUsd = Int64(number)
            $0.lineage.life = isOdd ? .stopped : .handedOff
        }
    }

    static func sample(_ number: UInt32, _ change: (inout SnapshotRun) -> Void = { _ in }) -> Run {
        var message = message(number)
        change(&message)
        return Run(id: RunID(high: id.high, low: id.low + UInt64(number)), message)!
    }

    /// What is counted from other properties.
    static let counted: Set = [
        "places", "urgent", "open", "started", "asking", "unjudged", "firstOpen", "ofCalls", "aboutTheTurn", "ofWait",
        "deadlines",
    ]

    /// Every stored property, down to what is no structure of the core, with its value as text.
    static func properties(of value: Any, _ path: String = "") -> [(path: String, value: String)] {
        let mirror = Mirror(reflecting: value)
        let isOurs = "\(String(reflecting: type(of: value)))".hasPrefix("FermataCore.")
        if mirror.displayStyle == .struct, isOurs {
            return mirror.children.filter { !counted.contains($0.label!) }
                .flatMap { properties(of: $0.value, "\(path).\($0.label!)") }
        }
        if mirror.displayStyle == .collection,
            mirror.children.contains(where: { $0.value is Run.Call })
                || mirror.children.contains(where: { $0.value is Run.OpenAsk })
                || mirror.children.contains(where: { $0.value is Run.QueuedMessage || $0.value is Run.Hold })
        {
            return mirror.children.enumerated().flatMap { properties(of: $1.value, "\(path)[\($0)]") }
        }
        if let effects = value as? Set<Effect> { return [(path, "\(effects.map { "\($0)" }.sorted())")] }
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
        let empty = Run(id: Self.id)
        #expect(Run(id: empty.id, snapshot: empty.snapshot) == empty)
        var phases: [Run.Turn.Phase] = []
        var calls: [Run.Turn.ModelCall] = []
        for phase in SnapshotPhase.allCases {
            for call in SnapshotModelCall.allCases {
                for life in SnapshotLife.allCases {
                    let run = Self.sample(1) {
                        $0.turn.phase = phase
                        $0.turn.modelCall = call
                        $0.lineage.life = life
                    }
                    #expect(Run(id: run.id, snapshot: run.snapshot) == run)
                    phases.append(run.turn.phase)
                    calls.append(run.turn.modelCall)
                }
            }
        }
        #expect(Set(phases.map { "\($0)" }).count == 5 && Set(calls.map { "\($0)" }).count == 4)
    }

    /// What a newer model server or client sent, and this version does not know, stays.
    @Test func unknownFieldsAreKept() throws {
        let options = try FermataModelOptions(serializedBytes: [0xFA, 0x01, 1, 7])
        let run = Self.sample(1) { $0.spec.modelOptions = options }
        #expect(!run.spec.modelOptions.unknownFields.data.isEmpty)
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
        text += try scenario.run.snapshotMessage.jsonString()
        let sum = text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        #expect("format \(Run.snapshotFormat): \(String(sum, radix: 16))" == "format 10: d2b01c3a840d8bdf")
    }
}
