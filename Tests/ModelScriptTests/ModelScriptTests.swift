import ModelScript
import Testing

struct ModelScriptTests {
    @Test func readsEveryKey() throws {
        let script = try ModelScript(
            json: #"""
                {"comment": "all of them", "order": "requests", "turns": [
                  {"text": "Hi there", "tool_calls": [
                     {"name": "f", "arguments": {"b": [1, 2.50, null], "a": "ü\n"}},
                     {"name": "g", "arguments": "{oops", "id": "i"},
                     {"name": "h"}],
                   "tokens_per_second": 2.5, "first_token_delay_ms": 30, "usage": {"prompt_tokens": 9},
                   "finish_reason": "length", "gate": "go", "gate_after_tokens": 1, "comment": ["x"]},
                  {"match": {"regex": "^user: \\d+$"}, "usage": null, "text": "", "times": 2},
                  {"match": "hello", "fault": {"status": 503, "retry_after": 3, "body": "busy"}, "repeat": true},
                  {"fault": {"silence_after_tokens": 0}}
                ]}
                """#, file: "all.json")
        #expect(script.order == .requests && script.turns.count == 4)
        let first = script.turns[0]
        #expect(first.calls.map(\.arguments) == [#"{"b":[1,2.50,null],"a":"ü\n"}"#, "{oops", "{}"])
        #expect(first.calls.map(\.id) == [nil, "i", nil])
        #expect(first.tokensPerSecond == 2.5 && first.firstTokenDelayMilliseconds == 30)
        #expect(first.usage == .given(prompt: 9, completion: nil, cached: nil) && first.finishReason == "length")
        #expect(first.gate?.name == "go" && first.gate?.afterTokens == 1 && first.times == 1)
        #expect(first.pieces.prefix(4) == [.text("Hi "), .text("there"), .call(0), .arguments(0, #"{"b":[1,2.50"#)])
        #expect(script.turns[1].match == .regex("^user: \\d+$") && script.turns[1].usage == .none)
        #expect(script.turns[1].times == 2 && script.turns[2].times == nil && script.turns[3].times == 1)
        #expect(script.turns[2].fault == .status(503, retryAfterSeconds: 3, body: "busy"))
        #expect(script.turns[3].fault == .silence(afterTokens: 0))
    }

    @Test(arguments: [
        ("", "not JSON: line 1, column 1: a value is missing"),
        ("[\n  {\"text\": }]", "not JSON: line 2, column 12: a value was expected here"),
        ("[{\"text\": \"x\"}", "not JSON: line 1, column 15: a comma or the end of the list was expected here"),
        ("[] []", "not JSON: line 1, column 4: there is something after the end of the value"),
        ("3", "must be a list of turns, or an object with the key \"turns\""),
        ("{}", ", key \"turns\": is missing"),
        ("{\"turns\": {}}", ", key \"turns\": must be a list, not an object"),
        ("{\"turns\": [], \"order\": \"random\"}", ", key \"order\": must be \"transcript\" or \"requests\""),
        ("[1]", ", turn 0: must be an object, not a number"),
        ("[{\"text\": \"x\"}, {}]", ", turn 1: has neither \"text\" nor \"tool_calls\" nor \"fault\""),
        ("[{\"text\": 1}]", ", turn 0, key \"text\": must be a string, not a number"),
        ("[{\"text\": \"x\", \"text\": \"y\"}]", ", turn 0, key \"text\": is given twice"),
        ("[{\"tekst\": \"x\"}]", ", turn 0, key \"tekst\": is unknown; known are text, reasoning, tool_calls,"),
        ("[{\"text\": \"\", \"tokens_per_second\": -1}]", ", key \"tokens_per_second\": must be a number from 0.0 to"),
        ("[{\"text\": \"\", \"first_token_delay_ms\": 1.5}]", "must be a whole number from 0 to 86400000"),
        ("[{\"text\": \"\", \"times\": 0}]", ", key \"times\": must be a whole number from 1"),
        ("[{\"text\": \"\", \"times\": 99999999999999999999}]", ", key \"times\": must be a whole number"),
        ("[{\"text\": \"\", \"repeat\": true}]", ", key \"repeat\": needs the key \"fault\" beside it"),
        ("[{\"text\": \"\", \"gate_after_tokens\": 1}]", ", key \"gate_after_tokens\": needs the key \"gate\""),
        ("[{\"text\": \"\", \"gate\": \"a b\"}]", ", key \"gate\": must be a name"),
        ("[{\"text\": \"\", \"match\": 1}]", ", key \"match\": must be a string, or an object"),
        ("[{\"text\": \"\", \"match\": {\"regex\": \"(\"}}]", ", key \"match.regex\": is not a regular expression"),
        ("[{\"text\": \"\", \"usage\": {\"tokens\": 1}}]", ", key \"usage.tokens\": is unknown"),
        ("[{\"tool_calls\": {}}]", ", key \"tool_calls\": must be a list, not an object"),
        ("[{\"tool_calls\": [{}]}]", ", key \"tool_calls[0].name\": is missing"),
        ("[{\"tool_calls\": [{\"name\": \"f\", \"arguments\": []}]}]", ", key \"tool_calls[0].arguments\": must be an"),
        ("[{\"fault\": {}}]", ", key \"fault\": must have exactly one of status, disconnect_after_tokens"),
        ("[{\"fault\": {\"status\": 500, \"silence_after_tokens\": 1}}]", ", key \"fault\": must have exactly one of"),
        ("[{\"fault\": {\"status\": 200}}]", ", key \"fault.status\": must be a whole number from 400 to 599"),
        ("[{\"fault\": {\"silence_after_tokens\": 1, \"body\": \"\"}}]", ", key \"fault.body\": needs the key"),
        ("[{\"fault\": {\"disconnect_after_tokens\": -1}}]", ", key \"fault.disconnect_after_tokens\": must be"),
        (String(repeating: "[", count: 100_000), "nested more than 128 deep"),
    ])
    func mistakesNameTheirPlace(_ json: String, _ expected: String) {
        do {
            _ = try ModelScript(json: json, file: "bad.json")
            Issue.record("was accepted")
        } catch {
            #expect("\(error)".hasPrefix("script bad.json"), "\(error)")
            #expect("\(error)".contains(expected), "\(error)")
        }
    }

    @Test(arguments: ["/", "/dev/zero", "/nonexistent/script.json", ""])
    func whatIsNoFileIsUnreadable(_ file: String) {
        #expect { try ModelScript(contentsOf: file) } throws: { error in
            (error as? ScriptError)?.code == .unreadable && (error as? ScriptError)?.file == file
        }
    }

    @Test func tokensJoinToTheText() {
        for text in ["", " ", "a", " a", "a ", "a b", "  a \n\tb\r\n c", "äöü ß  日本 語", "👨‍👩‍👧 e\u{301} x"] {
            let tokens = ScriptTokens.split(text)
            #expect(tokens.joined() == text && UInt64(tokens.count) == ScriptTokens.count(text))
            let pieces = ScriptTokens.split(arguments: text)
            #expect(pieces.joined() == text && UInt64(pieces.count) + 1 == ScriptTokens.count(arguments: text))
        }
        #expect(ScriptTokens.split(" a b\n\n c") == [" ", "a ", "b\n\n ", "c"])
    }
}
