import ModelScript
import Testing

/// A conversation as a client keeps it.
private struct Client {
    var player: ScriptPlayer
    var name = "c"
    var messages = [ScriptMessage(role: "system", content: "s"), ScriptMessage(role: "user", content: "begin")]

    init(_ json: String) throws {
        player = ScriptPlayer(try ModelScript(json: json, file: "test.json"))
    }

    mutating func ask() throws -> ScriptPlan {
        let messages = messages
        return try player.next(conversation: name, count: messages.count) { messages[$0] }
    }

    mutating func restartTheModel() { player = ScriptPlayer(player.script) }

    mutating func keep(_ answer: String) { messages.append(ScriptMessage(role: "assistant", content: answer)) }
    mutating func say(_ text: String) { messages.append(ScriptMessage(role: "user", content: text)) }

    /// Asks and keeps the whole answer.
    @discardableResult
    mutating func step() throws -> Int {
        let plan = try ask()
        keep(plan.turn.text)
        say("go on")
        return plan.index
    }
}

struct ScriptPlayerTests {
    @Test func turnsComeInOrderAndEnd() throws {
        var client = try Client(#"[{"text": "a"}, {"text": "b", "times": 2}, {"text": "c"}]"#)
        for expected in [0, 1, 1, 2] { #expect(try client.step() == expected) }
        #expect { try client.ask() } throws: { error in
            "\(error)" == "script test.json: has no turn for conversation \"c\" after 4 answers in 10 messages; "
                + "it has 3 in all"
        }
    }

    @Test func aRequestMadeAgainGetsTheSameTurnAgain() throws {
        var client = try Client(#"[{"text": "a"}, {"tool_calls": [{"name": "f"}, {"name": "g", "id": "own"}]}]"#)
        for _ in 0..<3 { #expect(try client.ask().index == 0) }
        try client.step()
        for _ in 0..<3 {
            let plan = try client.ask()
            #expect(plan.index == 1 && plan.callIDs == ["call_1_0", "own"] && plan.finishReason == "tool_calls")
        }
    }

    @Test func thePositionSurvivesARestartAtEveryStep() throws {
        var client = try Client(
            #"""
            [{"text": "a"}, {"fault": {"status": 500}}, {"text": "b"},
             {"match": "user: extra", "text": "m", "times": 1},
             {"text": "long answer", "fault": {"disconnect_after_tokens": 1}}, {"text": "c", "times": 2}]
            """#)
        #expect(try client.step() == 0)
        client.restartTheModel()
        #expect(try client.ask().index == 1)
        #expect(try client.step() == 2)
        client.restartTheModel()
        // The fault before turn 2 is known from the transcript: turn 2's answer is no beginning of it.
        #expect(try client.ask().index == 4)
        #expect(try client.step() == 5)
        client.say("extra")
        client.restartTheModel()
        #expect(try client.step() == 3)
        client.restartTheModel()
        #expect(try client.step() == 5)
        client.say("extra")
        client.restartTheModel()
        #expect(throws: ScriptError.self) { try client.ask() }
    }

    @Test func aFaultIsUsedUpUnlessItRepeats() throws {
        var client = try Client(
            #"""
            [{"fault": {"status": 429}, "times": 2}, {"text": "a"}, {"fault": {"status": 500}, "repeat": true}]
            """#)
        #expect(try [client.ask().index, client.ask().index, client.step()] == [0, 0, 1])
        for _ in 0..<5 { #expect(try client.ask().index == 2) }
    }

    @Test func aCutTurnIsUsedUpIfSomeOfItWasKept() throws {
        var client = try Client(#"[{"text": "one two three"}, {"text": "b"}]"#)
        // Cut before any text: nothing was kept.
        #expect(try client.ask().index == 0)
        client.say("[cut]")
        #expect(try client.ask().index == 0)
        // Cut after some.
        client.keep("one two ")
        client.say("[cut]")
        #expect(try client.ask().index == 1)
    }

    @Test func aFaultyTurnThatWasCutBeforeItsFaultIsPassedOnce() throws {
        var client = try Client(
            #"""
            [{"text": "one two three", "fault": {"silence_after_tokens": 2}}, {"text": "b"}, {"text": "c"}]
            """#)
        #expect(try client.ask().index == 0)
        client.keep("one two ")
        client.say("[cut]")
        #expect(try client.step() == 1)
        client.restartTheModel()
        #expect(try client.step() == 2)
    }

    @Test func matchesComeFirst() throws {
        var client = try Client(
            #"""
            [{"text": "a"}, {"match": "tool: 42", "text": "answer"},
             {"match": {"regex": "^user: b.+n$"}, "text": "r", "times": 1},
             {"match": "user: fail", "fault": {"status": 500}}, {"text": "b"}]
            """#)
        #expect(try client.step() == 2)
        #expect(try client.step() == 0)
        for _ in 0..<3 {
            client.messages.append(ScriptMessage(role: "tool", content: "42"))
            #expect(try client.step() == 1)
        }
        client.say("fail")
        #expect(try client.ask().index == 3)
        #expect(try client.ask().index == 4)
    }

    @Test func usageIsCountedOrGiven() throws {
        var client = try Client(
            #"""
            [{"text": "a b c"}, {"text": "x", "usage": {"prompt_tokens": 7, "cached_tokens": 3}},
             {"text": "y", "usage": null}]
            """#)
        client.messages.append(
            ScriptMessage(role: "user", content: "two words", calls: [.init(name: "f", arguments: "0123456789abc")]))
        let first = try client.ask()
        #expect(first.usage == .init(promptTokens: 7, completionTokens: 3, cachedTokens: 0))
        try client.step()
        #expect(try client.ask().usage == .init(promptTokens: 7, completionTokens: 1, cachedTokens: 3))
        try client.step()
        #expect(try client.ask().usage == nil)
    }

    @Test func aShorterOrOtherTranscriptIsReadAnew() throws {
        var client = try Client(#"[{"text": "a"}, {"text": "b"}, {"text": "c"}]"#)
        try client.step()
        try client.step()
        let long = client.messages
        client.messages = Array(long.prefix(2))
        #expect(try client.ask().index == 0)
        client.messages = long
        client.messages[5].content = "changed"
        client.messages.append(ScriptMessage(role: "user", content: "more"))
        #expect(try client.ask().index == 2)
    }

    @Test func requestsCanBeCountedInstead() throws {
        var client = try Client(
            #"""
            {"order": "requests", "turns": [{"text": "a"}, {"fault": {"status": 500}}, {"text": "b"}]}
            """#)
        #expect(try [client.ask().index, client.ask().index, client.ask().index] == [0, 1, 2])
        #expect(throws: ScriptError.self) { try client.ask() }
        client.name = "other"
        #expect(try client.ask().index == 0)
    }

    /// Faults are remembered for each conversation by itself, and memory of idle conversations is bounded.
    @Test func manyConversations() throws {
        var client = try Client(#"[{"fault": {"status": 500}}, {"text": "a"}, {"text": "b"}]"#)
        let fresh = client.messages
        for number in 0..<10_000 {
            client.name = "conversation \(number)"
            client.messages = fresh
            #expect(try client.ask().index == 0)
            #expect(try client.step() == 1)
            #expect(try client.step() == 2)
        }
    }

    /// A step reads what is new in its request, however long the transcript has become.
    @Test func stepsReadOnlyNewMessages() throws {
        var client = try Client(#"[{"text": "x", "times": 1000000}]"#)
        for step in 0..<2000 {
            let messages = client.messages
            var reads = 0
            let plan = try client.player.next(conversation: "c", count: messages.count) { index in
                reads += 1
                return messages[index]
            }
            #expect(plan.index == 0)
            // The two new ones, and the last known one to recognise the transcript.
            #expect(reads == (step == 0 ? 2 : 3))
            client.keep("x")
            client.say("go on")
        }
    }
}
