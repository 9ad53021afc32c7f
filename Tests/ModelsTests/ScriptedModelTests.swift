import Glibc
import Models
import ModelScript
import Synchronization
import Testing

/// What a call told its caller, in order.
private final class Witness: Sendable {
    private struct State {
        var texts: [String] = []
        var ends: [Result<ModelAnswer, ModelFailure>] = []
        var waiting: [(texts: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var texts: [String] { state.withLock { $0.texts } }
    var ends: [Result<ModelAnswer, ModelFailure>] { state.withLock { $0.ends } }

    func onPiece(_ piece: ModelPiece) {
        change { state in
            switch piece {
            case .text(let text): state.texts.append(text)
            case .reasoning(let text): state.texts.append("(\(text))")
            }
        }
    }
    func onEnd(_ end: Result<ModelAnswer, ModelFailure>) { change { $0.ends.append(end) } }

    /// Waits for so many texts, or the end.
    func waitFor(texts: Int = Int.max) async {
        await withCheckedContinuation { continuation in
            change { $0.waiting.append((texts, continuation)) }
        }
    }

    var end: Result<ModelAnswer, ModelFailure> {
        get async {
            await waitFor()
            return ends[0]
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let ready = state.withLock { state in
            body(&state)
            let isReady = { [state] (texts: Int) in state.texts.count >= texts || !state.ends.isEmpty }
            let ready = state.waiting.filter { isReady($0.texts) }
            state.waiting.removeAll { isReady($0.texts) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }
}

extension ScriptedModel {
    fileprivate convenience init(_ json: String, silenceLimit: Duration = .seconds(100)) throws {
        self.init(try ModelScript(json: json, file: "test.json"), silenceLimit: silenceLimit)
    }

    fileprivate func call(_ messages: [ModelMessage], conversation: String = "c", model: String = "m")
        -> (any ModelCall, Witness)
    {
        let witness = Witness()
        let request = ModelRequest(
            model: model, history: ModelHistory(.plain(ModelOrigin()), messages), tools: [],
            conversation: conversation)
        return (start(request, onPiece: witness.onPiece, onEnd: witness.onEnd), witness)
    }
}

private let task: [ModelMessage] = [.system("s"), .user("do it")]

@Suite(.timeLimit(.minutes(2)))
struct ScriptedModelTests {
    @Test func answersAtOnce() async throws {
        let model = try ScriptedModel(
            #"[{"text": "One two.", "tool_calls": [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "id": "i"}]}]"#)
        let (_, witness) = model.call(task)
        let calls = [
            ModelToolCall(id: "call_0_0", name: "f", arguments: #"{"a":1}"#),
            ModelToolCall(id: "i", name: "g", arguments: "{}"),
        ]
        #expect(
            await witness.end
                == .success(
                    ModelAnswer(
                        text: "One two.", calls: calls, finishReason: "tool_calls",
                        usage: ModelUsage(inputTokens: 3, cachedInputTokens: 0, outputTokens: 6))))
        #expect(witness.texts == ["One two."])
    }

    @Test func keepsThePace() async throws {
        let model = try ScriptedModel(
            #"[{"text": "a b c d e f", "tokens_per_second": 100, "first_token_delay_ms": 10}]"#)
        let clock = ContinuousClock()
        let time = await clock.measure {
            let (_, witness) = model.call(task)
            _ = await witness.end
            #expect(witness.texts.joined() == "a b c d e f")
        }
        #expect(time >= .milliseconds(60))
    }

    @Test func faultsAreTheFailuresThatHTTPGives() async throws {
        let faults: [(String, ModelFailure.Kind, Int?, Bool, UInt64?)] = [
            (#"{"status": 401}"#, .authentication, 401, false, nil),
            (#"{"status": 403}"#, .authentication, 403, false, nil),
            (#"{"status": 429, "retry_after": 2}"#, .rateLimited, 429, true, 2000),
            (#"{"status": 400, "body": "… context_length_exceeded …"}"#, .contextTooLong, 400, false, nil),
            (#"{"status": 400}"#, .httpStatus, 400, false, nil),
            (#"{"status": 408}"#, .httpStatus, 408, true, nil),
            (#"{"status": 503}"#, .httpStatus, 503, true, nil),
            (#"{"disconnect_after_tokens": 1}"#, .brokenStream, nil, true, nil),
            (#"{"malformed_chunk_after_tokens": 1}"#, .badResponse, nil, true, nil),
            (#"{"silence_after_tokens": 1}"#, .silence, nil, true, nil),
        ]
        let turns = faults.map { #"{"text": "a b", "fault": \#($0.0)}"# } + [#"{"text": "fine"}"#]
        let model = try ScriptedModel("[\(turns.joined(separator: ","))]", silenceLimit: .milliseconds(5))
        for (fault, kind, status, retryable, retryAfter) in faults {
            let (_, witness) = model.call(task)
            guard case .failure(let failure) = await witness.end else {
                Issue.record("\(fault) gave an answer")
                continue
            }
            #expect(failure.kind == kind && failure.httpStatus == status, "\(fault)")
            #expect(failure.retryable == retryable && failure.retryAfterMilliseconds == retryAfter, "\(fault)")
            #expect(witness.texts == (status == nil ? ["a "] : []), "\(fault)")
        }
        #expect(try await model.call(task).1.end.get().text == "fine")
    }

    @Test func aScriptWithoutATurnIsAFailure() async throws {
        let model = try ScriptedModel(#"[{"text": "a"}]"#)
        let (_, witness) = model.call(task + [.assistant(text: "a", calls: []), .user("more")])
        guard case .failure(let failure) = await witness.end else {
            Issue.record("there was an answer")
            return
        }
        #expect(failure.kind == .script && !failure.retryable)
        #expect(failure.message.hasPrefix("script test.json: has no turn for conversation \"c\""))
    }

    @Test func gatesAndCancel() async throws {
        let model = try ScriptedModel(#"[{"text": "a b c", "gate": "g", "gate_after_tokens": 1}]"#)
        let (call, cut) = model.call(task)
        await cut.waitFor(texts: 1)
        await model.gates.awaited("g")
        call.cancel()
        call.cancel()
        #expect(await cut.end == .failure(ModelFailure(kind: .cancelled, message: "cancelled", retryable: false)))
        #expect(cut.texts == ["a "])

        let (late, whole) = model.call(task)
        await model.gates.awaited("g")
        model.gates.open("g")
        #expect(try await whole.end.get().text == "a b c")
        late.cancel()
        #expect(whole.ends.count == 1 && whole.texts.joined() == "a b c")
        #expect(model.gates.all.map(\.waiting) == [0])
    }

    /// A cancel races the gate, the tokens and the end: there is one end, nothing after it, and nothing is left over.
    @Test func cancelRaces() async throws {
        let text = String(repeating: "w ", count: 50)
        let model = try ScriptedModel(
            #"[{"match": "", "text": "\#(text)", "tokens_per_second": 100000, "gate": "g", "gate_after_tokens": 20}]"#)
        for round in 0..<500 {
            model.gates.close("g")
            let (call, witness) = model.call(task)
            if round % 3 > 0 { await witness.waitFor(texts: 1) }
            if round % 2 == 0 { model.gates.open("g") }
            call.cancel()
            let end = await witness.end
            #expect(witness.ends.count == 1)
            switch end {
            case .success: #expect(witness.texts.joined() == text)
            case .failure(let failure): #expect(failure.kind == .cancelled && text.hasPrefix(witness.texts.joined()))
            }
        }
        #expect(model.gates.all.allSatisfy { $0.waiting == 0 })
    }

    @Test func aRestartedModelGoesOnWithTheRightTurn() async throws {
        let json = #"""
            [{"text": "a"}, {"tool_calls": [{"name": "f"}]}, {"fault": {"status": 500}}, {"text": "c"}, {"text": "d"}]
            """#
        var messages = task
        var seen: [String] = []
        while seen.count < 5 {
            // Another model for each call, but for the retry: as if the service had been killed between them.
            let model = try ScriptedModel(json)
            var end = await model.call(messages).1.end
            if case .failure(let failure) = end, failure.kind == .httpStatus {
                seen.append("fault")
                end = await model.call(messages).1.end
            }
            let answer = try end.get()
            seen.append(answer.text + answer.calls.map(\.id).joined())
            messages.append(.assistant(text: answer.text, calls: answer.calls))
            messages += answer.calls.map { .tool(callID: $0.id, content: "done") } + [.user("go on")]
        }
        #expect(seen == ["a", "call_1_0", "fault", "c", "d"])
    }

    @Test func filesAreReadAndReadAgainWhenTheyChange() async throws {
        let path = "/tmp/fermata-script-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).json"
        func write(_ text: String) {
            let file = fopen(path, "w")
            fputs(text, file)
            fclose(file)
        }
        defer { unlink(path) }
        let model = ScriptedModel()
        func end() async -> Result<ModelAnswer, ModelFailure> { await model.call(task, model: path).1.end }

        func message() async -> String {
            if case .failure(let failure) = await end() { failure.kind.rawValue + " " + failure.message } else { "" }
        }
        #expect(await message() == "SCRIPT script \(path): No such file or directory")
        write(#"[{"text": "first"}]"#)
        #expect(try await end().get().text == "first")
        write(#"[{"text": "the second"}]"#)
        #expect(try await end().get().text == "the second")
        write("[")
        #expect(await message().hasPrefix("SCRIPT script \(path): not JSON: line 1, column 2"))
        unlink(path)
        #expect(await message().hasSuffix("No such file or directory"))
    }

    @Test func callsOutliveTheModel() async throws {
        var model: ScriptedModel? = try ScriptedModel(#"[{"text": "a b c", "tokens_per_second": 200}]"#)
        let witness = model?.call(task).1
        model = nil
        #expect(try await witness?.end.get().text == "a b c")
    }

    @Test func manyAtOnce() async throws {
        let model = try ScriptedModel(#"[{"text": "a b c d e", "tokens_per_second": 100}, {"text": "x"}]"#)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let witness = model.call(task, conversation: "\(number)").1
                    let answer = try await witness.end.get()
                    #expect(answer.text == "a b c d e")
                    #expect(witness.texts.joined() == "a b c d e")
                }
            }
            try await group.waitForAll()
        }
    }

    /// The bench drives thousands of steps through this, with ever longer transcripts.
    @Test func manySteps() async throws {
        let model = try ScriptedModel(#"[{"tool_calls": [{"name": "f"}], "times": 1000000}]"#)
        var messages = task
        for _ in 0..<1000 {
            let answer = try await model.call(messages).1.end.get()
            messages.append(.assistant(text: "", calls: answer.calls))
            messages.append(.tool(callID: answer.calls[0].id, content: "ok"))
        }
        #expect(messages.count == task.count + 2000)
    }
}
