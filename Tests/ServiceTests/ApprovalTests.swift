import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

extension OneServerAtATime {
    /// Calls that wait for a person: who wins, what runs, and that nothing but Answer lets one run.
    @Suite(.timeLimit(.minutes(3))) struct ApprovalTests {
        /// One step with calls of the terminal that note in a file that they ran; then it is done.
        static func script(_ calls: String...) -> String {
            let calls = calls.map {
                #"{"name": "terminal", "arguments": {"command": "echo \#($0) >> ran; echo done \#($0)"}}"#
            }
            let done = Array(repeating: #"{"text": "Done."}"#, count: 8).joined(separator: ", ")
            return #"[{"tool_calls": [\#(calls.joined(separator: ", "))]}, \#(done)]"#
        }

        /// Ask about every call of the terminal whose command does not say `free`.
        static let policy = FermataPolicy.with {
            $0.tools = [
                .with {
                    $0.tool = "terminal"
                    $0.rules = [
                        .with {
                            $0.gate = .allow
                            $0.when = [
                                .with {
                                    $0.pointer = "/command"
                                    $0.matches = "echo free"
                                }
                            ]
                        }
                    ]
                    $0.gate = .ask
                }
            ]
        }

        static func ran(_ run: String, _ service: Service) async throws -> [String] {
            let workspace = try await service.summary(run).workspace
            let text = (try? String(contentsOfFile: workspace + "/ran", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map(String.init)
        }

        static func asks(_ run: String, _ service: Service, tokens: Bool = false) async throws -> [FermataAsk] {
            try await service.client.send(
                FermataListAsks.with {
                    $0.run = run
                    $0.tokens = tokens
                }
            ).asks
        }

        static func answer(_ ask: FermataAsk, _ verdict: FermataVerdict, by: String = "") -> FermataAnswer {
            .with {
                $0.run = ask.run
                $0.ask = ask.number
                $0.verdict = verdict
                $0.argumentsSha256 = ask.argumentsSha256
                $0.by = by
            }
        }

        /// A race: two hundred people approve the same call at once, and the service dies in the middle of it. One
        /// of them is heard, also if the reply came only after the restart; the call runs once.
        @Test(.enabled(if: PythonProgram.python != nil, "FERMATA_PYTHON names no python3"), arguments: [false, true])
        func oneOfTwoHundredAnswersCounts(_ isKilled: Bool) async throws {
            try await Service.run(script: Self.script("one")) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy }
                try await service.wait(run, .waiting)
                // In a process of their own: two hundred clients have more descriptors than this one can spare.
                let program = PythonProgram(["-c", Self.crowd, run], service: service)
                defer { program.kill() }
                var outcomes: [String] = []
                for await line in try program.start() {
                    if isKilled, outcomes.isEmpty {
                        service.kill()
                        try await service.start()
                    }
                    outcomes.append(line)
                }
                let (errors, code) = await program.end()
                #expect(code == 0, "\(errors)")
                #expect(outcomes.count == 200)
                #expect(outcomes.count { $0 == "accepted" } == 1)
                #expect(outcomes.count { $0 == "ALREADY_ANSWERED" } == 199)
                try await service.wait(run, .finished)
                let answers = try await service.events(run).filter { $0.kindName == "askAnswered" }
                #expect(answers.count == 1)
                let starts = try await service.events(run).filter { $0.kindName == "callStarted" }
                #expect(starts.count == 1)
                // Killed while it ran, nobody knows whether it had run; it is not run again.
                #expect(try await Self.ran(run, service).count <= 1)
                if !isKilled { #expect(try await Self.ran(run, service) == ["one"]) }
            }
        }

        /// Two hundred clients, each with connections of its own, that approve what they were shown at the same instant.
        /// A client sends the same command again until it has a reply.
        private static let crowd = """
            import sys, threading, uuid
            import fermata

            ask = next(fermata.Client().list_asks(run=sys.argv[1]))
            ready = threading.Barrier(200)

            def approve(number):
                client = fermata.Client(timeout=120)
                request = str(uuid.uuid4())
                ready.wait()
                while True:
                    try:
                        client.approve(ask, by=f"person {number}", request_id=request)
                        print("accepted\\n", end="")
                    except fermata.NotRunning:
                        continue
                    except fermata.FermataError as error:
                        print(f"{error.code}\\n", end="")
                    return

            people = [threading.Thread(target=approve, args=(number,)) for number in range(200)]
            for person in people:
                person.start()
            for person in people:
                person.join()
            """

        /// nil: it was accepted. A broken connection is one that may be made again.
        private static func refusal(of answer: FermataAnswer, _ service: Service) async throws -> FermataError? {
            do {
                _ = try await service.client.send(answer)
                return nil
            } catch {
                let failure: any Error = error
                return switch failure as? ClientError {
                case .refused(let error)?: error
                default: .with { $0.retryable = true }
                }
            }
        }

        /// Three calls of one step, of which the policy allows the first: the others are decided one by one, in either
        /// order, with the service killed and started before, between and after.
        @Test(arguments: [[2, 3], [3, 2]], [false, true])
        func eachCallIsDecidedByItself(_ order: [UInt32], _ isKilled: Bool) async throws {
            try await Service.run(script: Self.script("free", "two", "three")) { service, model in
                func restart() async throws {
                    guard isKilled else { return }
                    service.kill()
                    try await service.start()
                }
                let run = try await service.launch { $0.policy = Self.policy }
                try await service.event(run) { if case .callEnded(let ended) = $0 { ended.number == 1 } else { false } }
                try await service.wait(run, .waiting)
                for call in order {
                    try await restart()
                    let ask = try #require(try await Self.asks(run, service).first { $0.call == call })
                    #expect(ask.kind == .approval && ask.tool == "terminal")
                    var answer = Self.answer(ask, call == 2 ? .approve : .reject)
                    if call == 3 { answer.text = "Not that one." }
                    #expect(try await service.client.send(answer).changed)
                }
                try await restart()
                try await service.wait(run, .finished)
                let ends = try await service.events(run).compactMap { event -> FermataCallEnded? in
                    if case .callEnded(let ended) = event.kind { ended } else { nil }
                }
                #expect(Set(ends.map(\.number)) == [1, 2, 3] && ends.count == 3)
                let results = try model.log.shown(2).filter { $0.hasPrefix("tool: ") }
                #expect(results.count == 3)
                #expect(results[0] == "tool: done free\n")
                #expect(results[2].contains("rejected") && results[2].contains("Not that one."))
                let ran = try await Self.ran(run, service)
                if isKilled {
                    // It may have been killed while the second ran: then nobody knows, and it is not run again.
                    #expect(ran == ["free", "two"] || ran == ["free"])
                } else {
                    #expect(ran == ["free", "two"])
                    #expect(results[1] == "tool: done two\n")
                }
            }
        }

        /// Everything else that may be done with a run that waits for approval, one after the other and all of it again.
        @Test func nothingButAnAnswerLetsACallRun() async throws {
            try await Service.run(script: Self.script("one")) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy }
                try await service.wait(run, .waiting)
                let acts: [(String, () async throws -> Void)] = [
                    ("send", { try await service.send(run, "Go on.") }),
                    ("send when idle", { try await service.send(run, "Later.", .whenIdle) }),
                    ("resume", { try await service.resume(run) }),
                    ("resume with a message", { try await service.resume(run, "Do it.") }),
                    ("pause", { try await service.pause(run) }),
                    ("resume from the pause", { try await service.resume(run) }),
                    ("interrupt", { try await service.interrupt(run) }),
                    (
                        "edit",
                        {
                            _ = try await service.client.send(
                                FermataDecideCall.with {
                                    $0.run = run
                                    $0.call = 1
                                    $0.verdict = .edit
                                    $0.arguments = #"{"command": "echo edited >> ran"}"#
                                })
                        }
                    ),
                    ("resume from the interrupt", { try await service.resume(run) }),
                    (
                        "budget",
                        {
                            _ = try await service.client.send(
                                FermataSetBudget.with {
                                    $0.run = run
                                    $0.limits.maxSteps = 100
                                })
                        }
                    ),
                    (
                        "allow",
                        {
                            _ = try await service.client.send(
                                FermataSetPolicy.with {
                                    $0.run = run
                                    $0.policy.tools = [
                                        .with {
                                            $0.tool = "terminal"
                                            $0.gate = .allow
                                        }
                                    ]
                                })
                        }
                    ),
                    (
                        "ask again",
                        {
                            _ = try await service.client.send(
                                FermataSetPolicy.with {
                                    $0.run = run
                                    $0.policy = Self.policy
                                })
                        }
                    ),
                    (
                        "restart",
                        {
                            service.kill()
                            try await service.start()
                        }
                    ),
                    (
                        "orderly restart",
                        {
                            _ = await service.terminate()
                            try await service.start()
                        }
                    ),
                ]
                for (name, act) in acts + acts {
                    try await act()
                    let events = try await service.events(run)
                    #expect(!events.contains { $0.kindName == "callStarted" }, "after \(name)")
                    #expect(try await service.summary(run).openAsks.count == 1, "after \(name)")
                }
                #expect(try await Self.ran(run, service) == [])
                let ask = try #require(try await Self.asks(run, service).first)
                #expect(ask.arguments == #"{"command": "echo edited >> ran"}"#)
                _ = try await service.client.send(Self.answer(ask, .approve))
                try await service.event(run) { if case .callEnded = $0 { true } else { false } }
                #expect(try await Self.ran(run, service) == ["edited"])
            }
        }

        @Test func whatIsWrongWithAnAnswerIsSaidWithoutTheAnswer() async throws {
            let script = #"""
                [{"tool_calls": [
                  {"name": "ask_human", "arguments": {"question": "Which?", "choices": ["red", "blue"]}},
                  {"name": "ask_human", "arguments": {"question": "Sure?", "format": "yes_no"}},
                  {"name": "ask_human", "arguments": {"question": "How much?", "schema":
                    {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}}},
                  {"name": "terminal", "arguments": {"command": "echo one >> ran"}}
                ]}, {"text": "Done."}, {"text": "Done."}]
                """#
            try await Service.run(script: script) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy }
                let other = try await service.launch("go") { $0.policy = Self.policy }
                try await service.wait(run, .waiting)
                try await service.wait(other, .waiting)
                let asks = try await Self.asks(run, service, tokens: true)
                let approval = try #require(asks.first { $0.kind == .approval })
                let questions = asks.filter { $0.kind == .question }
                try #require(asks.count == 4)
                let secret = "hunter2"
                func refused(
                    _ code: ErrorCode, _ ask: FermataAsk, _ change: (inout FermataAnswer) -> Void
                ) async throws {
                    var answer = FermataAnswer.with {
                        $0.run = run
                        $0.ask = ask.number
                    }
                    change(&answer)
                    let error = try #require(try await Self.refusal(of: answer, service))
                    #expect(error.code == code.name, "\(error.message)")
                    #expect(!"\(error)".contains(secret))
                    #expect(try await Self.asks(run, service).count == 4)
                }
                for question in questions { try await refused(.invalidAnswer, question) { $0.text = secret } }
                try await refused(.invalidAnswer, questions[2]) { $0.text = #"{"amount": "\#(secret)"}"# }
                try await refused(.invalidAnswer, questions[0]) { $0.text = "" }
                try await refused(.invalidAnswer, questions[0]) {
                    $0.text = "red"
                    $0.verdict = .approve
                }
                try await refused(.invalidAnswer, approval) { $0.text = secret }
                try await refused(.invalidAnswer, approval) { $0.verdict = .approve }
                try await refused(.invalidAnswer, approval) { $0.verdict = .raise }
                try await refused(.stale, approval) {
                    $0.verdict = .approve
                    $0.argumentsSha256 = String(repeating: "0", count: 64)
                }
                try await refused(.invalidAnswer, approval) {
                    $0.verdict = .edit
                    $0.arguments = #"{"\#(secret)": 1}"#
                    $0.argumentsSha256 = approval.argumentsSha256
                }
                try await refused(.noSuchAsk, approval) {
                    $0.ask = 99
                    $0.text = secret
                }
                // A token is good for its own run and ask, whoever else is named beside it.
                try await refused(.invalidToken, questions[0]) {
                    $0.run = other
                    $0.text = "red"
                    $0.token = questions[0].token
                }
                try await refused(.invalidToken, questions[0]) {
                    $0.text = "red"
                    $0.token = String(questions[0].token.dropLast()) + "!"
                }
                let byToken = FermataAnswer.with {
                    $0.token = questions[0].token
                    $0.text = "red"
                }
                #expect(try await service.client.send(byToken).changed)
                try await service.refused(.tokenUsed) { _ = try await service.client.send(byToken) }
                let answered = try await service.event(run) { if case .askAnswered = $0 { true } else { false } }
                #expect(answered.askAnswered.via == .viaToken)
                try await service.refused(.alreadyAnswered) {
                    try await service.answer(run, questions[0].number, "blue")
                }
            }
        }

        /// Deadlines that pass while nobody is there are decided at the start, once, in their order.
        @Test func deadlinesPassWhileTheServiceIsDown() async throws {
            try await Service.run(script: Self.script("one", "two")) { service, model in
                let run = try await service.launch { launch in
                    launch.policy = Self.policy
                    launch.policy.tools[0].deadlineMs = 1500
                }
                try await service.wait(run, .waiting)
                let deadline = try #require(try await Self.asks(run, service).map(\.deadlineAt).max())
                service.kill()
                // What passes here is the deadline, which is a time.
                while Date().timeIntervalSince1970 * 1_000_000 <= Double(deadline) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await service.start()
                try await service.wait(run, .finished)
                let closed = try await service.events(run).compactMap { event -> FermataAskClosed? in
                    if case .askClosed(let closed) = event.kind { closed } else { nil }
                }
                #expect(closed.map(\.number) == [1, 2])
                #expect(closed.allSatisfy { $0.expired && $0.outcome == .callRejected })
                #expect(try await Self.ran(run, service) == [])
                #expect(try model.log.shown(2).filter { $0.hasPrefix("tool: ") }.count == 2)
                service.kill()
                try await service.start()
                #expect(try await service.events(run).filter { $0.kindName == "askClosed" }.count == 2)
                try await service.refused(.expired) {
                    _ = try await service.client.send(
                        FermataAnswer.with {
                            $0.run = run
                            $0.ask = 1
                            $0.verdict = .reject
                        })
                }
            }
        }

        @Test func theCommandLineDecides() async throws {
            try await Service.run(script: Self.script("one", "two", "three", "four")) { service, _ in
                let run = try await service.launch { $0.policy = Self.policy }
                try await service.wait(run, .waiting)
                let inbox = try await service.cli("inbox")
                #expect(inbox.output.contains("APPROVAL"), "\(inbox)")
                let asks = try await Self.asks(run, service)
                let wrong = try await service.cli("approve", run, "--ask", "1", "--shown", "ffffffffffff")
                #expect(wrong.code == 1 && wrong.errors.contains("others"), "\(wrong)")
                let shown = String(asks[0].argumentsSha256.prefix(12))
                let approved = try await service.cli("approve", run, "--ask", "1", "--shown", shown)
                #expect(approved.code == 0, "\(approved)")
                let several = try await service.cli("reject", run)
                #expect(several.code != 0 && several.errors.contains("several"), "\(several)")
                let rejected = try await service.cli(
                    "reject", run, "--ask", "2", "--message", "No.", "--always", "--when", "/command ~ two")
                #expect(rejected.code == 0, "\(rejected)")
                let edited = try await service.cli("edit", run, "--ask", "3", #"{"command": "echo edited >> ran"}"#)
                #expect(edited.code == 0, "\(edited)")
                let always = try await service.cli("approve", run, "--always")
                #expect(always.code == 0, "\(always)")
                try await service.wait(run, .finished)
                #expect(try await Self.ran(run, service) == ["one", "edited", "four"])
                let empty = try await service.cli("inbox")
                #expect(empty.output == "nothing is asked\n")
            }
        }
    }
}
