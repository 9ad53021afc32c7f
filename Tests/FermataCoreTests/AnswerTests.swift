import FermataProtocol
import RunAudit
import SwiftProtobuf
import Testing

@testable import FermataCore

/// What answers look like, and where they are taken: at the door, and together with an import.
@Suite struct AnswerTests {
    /// One open ask of each kind, with an answer that it takes and one that it does not.
    enum Kind: CaseIterable {
        case question, pause, approval, outcome, budget, stuck

        func scenario(deadlineMs: UInt32 = 0) throws -> Scenario {
            var scenario: Scenario
            switch self {
            case .question: scenario = try RunTableTests.Place.waiting.scenario()
            case .pause:
                scenario = try RunTableTests.Place.workerExecuting.scenario()
                try scenario.complete(1, .pause(.yesNo))
            case .approval:
                var policy = FermataPolicy.asking("terminal")
                policy.tools[0].deadlineMs = deadlineMs
                scenario = try Scenario(task: "go", policy: policy)
                try scenario.modelAnswers("", calls: [.terminal("ls")])
            case .outcome:
                scenario = try RunTableTests.Place.workerExecuting.scenario()
                try scenario.decide(.leaseEnded(call: 1, attempt: 1))
            case .budget: scenario = try RunTableTests.Place.waitingAtLimit.scenario()
            case .stuck:
                scenario = try Scenario(task: "go", limits: .with { $0.maxRepeats = 2 })
                for call in 1...2 as ClosedRange<UInt32> {
                    try scenario.modelAnswers("", calls: [.read("a")])
                    try scenario.toolEnds(call)
                }
            }
            #expect(scenario.run.asks.map(\.number) == [1] && scenario.run.status == .waiting)
            return scenario
        }

        var good: AskAnswer {
            switch self {
            case .question: AskAnswer(ask: 0, text: "Left.", via: .viaImport)
            case .pause: AskAnswer(ask: 0, text: "yes", via: .viaImport)
            case .approval: AskAnswer(ask: 0, verdict: .approve, argumentsDigest: nil, via: .viaImport)
            case .outcome: AskAnswer(ask: 0, text: "shipped", verdict: .takeResult, via: .viaImport)
            case .budget: AskAnswer(ask: 0, verdict: .raise, via: .viaImport)
            case .stuck: AskAnswer(ask: 0, text: "Look elsewhere.", verdict: .guide, via: .viaImport)
            }
        }

        var bad: AskAnswer {
            switch self {
            case .question: AskAnswer(ask: 0, via: .viaImport)
            case .pause: AskAnswer(ask: 0, text: "maybe", via: .viaImport)
            case .approval: AskAnswer(ask: 0, text: "yes", argumentsDigest: nil, via: .viaImport)
            case .outcome: AskAnswer(ask: 0, verdict: .takeResult, via: .viaImport)
            case .budget: AskAnswer(ask: 0, text: "go on", verdict: .goOn, via: .viaImport)
            case .stuck: AskAnswer(ask: 0, verdict: .guide, via: .viaImport)
            }
        }

        /// What comes of the good answer.
        var events: [String] {
            switch self {
            case .question, .pause, .outcome: ["askAnswered", "callEnded", "modelCalled"]
            case .approval: ["askAnswered", "callStarted"]
            case .budget: ["askAnswered", "modelCalled"]
            case .stuck: ["askAnswered", "messageQueued", "modelCalled"]
            }
        }
    }

    private func arrive(_ scenario: Scenario, _ answer: AskAnswer?, start: Bool = false) throws -> Decision {
        let copy = scenario.events.reduce(into: Run(id: Scenario.id)) { $0.apply($1) }
        return try copy.decide(
            .command(.import(FermataImported(), start: start, answer), Provenance(by: "ann")),
            Context(now: scenario.now))
    }

    // MARK: - Formats

    private static func format(
        _ form: FermataAnswerForm, choices: [String] = [], schema: String = ""
    ) -> FermataAnswerFormat {
        .with {
            $0.form = form
            $0.choices = choices
            $0.schema = schema
        }
    }

    private static let refund = #"""
        {"type":"object","properties":{"approved":{"type":"boolean"},"amount":{"type":"number"}},"required":["approved"]}
        """#

    private static let formats: [(format: FermataAnswerFormat, good: [String], bad: [String])] = [
        (
            format(.freeText), ["a", "\u{0}", String(repeating: "ä", count: 1 << 19)],
            ["", String(repeating: "a", count: 1 << 20 + 1)]
        ),
        (format(.yesNo), ["yes", "no"], ["", "Yes", "YES", "y", "true", " yes", "yes\n", "\"yes\"", "yes no"]),
        (
            format(.choice, choices: ["left", "straight on", "\u{E9}"]), ["left", "straight on", "\u{E9}"],
            // The last looks the same, and is not: an accent of its own.
            ["", "Left", "left ", "straight", "right", "0", "2", "left,right", "e\u{301}"]
        ),
        (
            format(.json), ["{}", "[]", "7", "-0.5e3", "null", "\"a\"", " [1, 2] "],
            ["", "{", "nope", "[1,]", "{'a':1}", "{} {}", "NaN", "01", String(repeating: "[", count: 100_000)]
        ),
        (
            format(.json, schema: refund), [#"{"approved": true, "amount": 500}"#, #"{"approved":false}"#],
            [
                "{}", "true", "[]", #"{"approved":"true"}"#, #"{"approved":true,"amount":"500"}"#, #"{"amount":500}"#,
                "{",
            ]
        ),
    ]

    @Test(arguments: formats.indices) func anAnswerIsCheckedAtTheDoor(_ index: Int) throws {
        let (format, good, bad) = Self.formats[index]
        var scenario = try RunTableTests.Place.workerExecuting.scenario()
        try scenario.complete(
            1,
            .pause(
                .with {
                    $0.question = "?"
                    $0.format = format
                }))
        for text in bad {
            let before = scenario.run
            do {
                try scenario.command(.answer(ask: 1, text: text))
                Issue.record("taken: \(text.prefix(40))")
                return
            } catch let refusal as Refusal {
                #expect(refusal.code == .invalidAnswer)
                // Named is what it must be, and nothing of what was sent.
                #expect(refusal.message.contains(format.shape) && refusal.message.utf8.count < 200)
                #expect(!refusal.details.values.contains { !text.isEmpty && $0 == text })
            }
            #expect(scenario.run == before)
        }
        for text in good {
            var answered = scenario
            try answered.command(.answer(ask: 1, text: text))
            guard case .result(_, let output)? = answered.transcript.items.last else {
                Issue.record("the answer is no result")
                continue
            }
            // By bytes: Swift's `==` takes different spellings of a character for the same.
            #expect(output.text.utf8.elementsEqual(text.utf8))
            #expect(answered.count("callStarted") == 1)
        }
    }

    @Test func whatIsNoFormat() throws {
        let texts = (0...100).map(String.init)
        let formats: [(FermataAnswerFormat, field: String?)] = [
            (Self.format(.choice), "format.choices"), (Self.format(.choice, choices: ["a", "a"]), "format.choices"),
            (Self.format(.choice, choices: ["a", ""]), "format.choices"),
            (Self.format(.choice, choices: texts), "format.choices"),
            (Self.format(.choice, choices: Array(texts.dropLast())), nil),
            (Self.format(.choice, choices: [String(repeating: "a", count: 1024)]), nil),
            (Self.format(.choice, choices: [String(repeating: "a", count: 1025)]), "format.choices"),
            (Self.format(.yesNo, choices: ["a"]), "format.choices"),
            (Self.format(.freeText, schema: "{}"), "format.schema"),
            (Self.format(.json, schema: "{"), "format.schema"), (Self.format(.json, schema: "7"), "format.schema"),
            (Self.format(.json, schema: String(repeating: " ", count: 16 << 10) + "{}"), "format.schema"),
            (Self.format(.json, schema: #"{"type":"object"}"#), nil),
        ]
        for (format, field) in formats {
            var scenario = try RunTableTests.Place.workerExecuting.scenario()
            let pause = WorkerResult.pause(
                .with {
                    $0.question = "?"
                    $0.format = format
                })
            do {
                try scenario.complete(1, pause)
                #expect(field == nil)
            } catch let refusal as Refusal {
                #expect(refusal.code == .invalidArgument && refusal.details["field"] == field.map { "pause.\($0)" })
                // The worker still has it.
                #expect(scenario.run.wanted == [.lease(call: 1, attempt: 1)])
            }
        }
    }

    /// What is edited by an answer fits the tool's schema and the policy, or is no answer.
    @Test func anEditIsCheckedAtTheDoor() throws {
        let policy = FermataPolicy.with {
            $0.tools = [.of("terminal", .ask, .when(.deny, .at("/command", .matches("^rm "))))]
        }
        var scenario = try Scenario(task: "go", policy: policy)
        try scenario.modelAnswers("", calls: [.terminal("ls")])
        for arguments in ["", "{", "{}", #"{"command":7}"#, #"{"command":"rm x"}"#] {
            let before = scenario.run
            #expect(refusal { try scenario.answer(1, .edit, arguments: arguments) } == .invalidAnswer)
            #expect(scenario.run == before)
        }
        #expect(try scenario.answer(1, .edit, arguments: #"{"command":"pwd"}"#) == ["askAnswered", "callStarted"])
        #expect(scenario.run.callMessages[0].edited && scenario.run.callMessages[0].arguments == #"{"command":"pwd"}"#)
    }

    // MARK: - Hand-off and import

    @Test(arguments: Kind.allCases, [false, true]) func handedOff(_ kind: Kind, isHeld: Bool) throws {
        var scenario = try kind.scenario()
        if isHeld { try scenario.command(.pause()) }
        #expect(try scenario.command(.handOff) == ["handedOff"])
        #expect(scenario.run.status == .stopped && scenario.run.due == nil && scenario.run.wanted.isEmpty)
        for answer in [kind.good, kind.bad] {
            var answer = answer
            answer.ask = 1
            answer.via = .viaToken
            #expect(refusal { try scenario.command(.answer(answer)) } == .wrongStatus)
        }
        #expect(refusal { _ = try arrive(scenario, kind.bad) } == .invalidAnswer)
        #expect(try scenario.decide(.timePassed) == [] && scenario.decide(.shutdown) == [])
        // At home again, the ask is there as it was.
        let home = try arrive(scenario, nil)
        #expect(home.run.status == .paused && home.run.asks.map(\.number) == [1])
        let lifted = isHeld ? ["holdLifted"] : []
        #expect(try arrive(scenario, kind.good).events.map(\.name) == ["imported"] + lifted + kind.events)
    }

    /// resume(checkpoint, answer), in one act or not at all.
    @Test(arguments: Kind.allCases, [false, true]) func importWithAnAnswer(_ kind: Kind, isHeld: Bool) throws {
        var scenario = try kind.scenario()
        if isHeld { try scenario.command(.pause(HoldTerms(resumeAt: scenario.now + 5_000_000, tokenDigest: [7]))) }
        let moved = try arrive(scenario, kind.good)
        #expect(moved.events.map(\.name) == ["imported"] + (isHeld ? ["holdLifted"] : []) + kind.events)
        #expect(moved.run.status == .running && moved.run.hold == nil && moved.run.asks.isEmpty)
        #expect(moved.events.first { $0.name == "askAnswered" }?.askAnswered.via == .viaImport)
        #expect(refusal { _ = try arrive(scenario, kind.bad) } == .invalidAnswer)
        var other = kind.good
        other.ask = 2
        #expect(refusal { _ = try arrive(scenario, other) } == .noSuchAsk)
        // Without one nothing is answered, and on hold nothing begins.
        let still = try arrive(scenario, nil)
        #expect(still.run.asks.map(\.number) == [1] && still.run.wanted.isEmpty && still.run.ready.isEmpty)
        #expect(still.run.status == .paused && still.run.hold?.hasToken_p == false)
    }

    @Test func importWithAnAnswerThatIsLate() throws {
        var scenario = try Kind.approval.scenario(deadlineMs: 1000)
        scenario.now += 1_000_000
        #expect(refusal { _ = try arrive(scenario, Kind.approval.good) } == .expired)
    }
}

extension FermataQuestion {
    fileprivate static let yesNo = FermataQuestion.with {
        $0.question = "Refund?"
        $0.format.form = .yesNo
    }
}
